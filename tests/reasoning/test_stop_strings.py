"""Stop strings against their definition, over all ways to cut a text into pieces."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_server.reasoning.answers.final import AnswerText
from anytime_server.reasoning.answers.stop_strings import StopStrings
from fakes import EOS, MARKERS, ByteTokenizer
from searches import examples

TEXTS = st.text("ab\n ", max_size=24)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=5), max_size=4)


def cut_at(text: str, stops: list[str]) -> int | None:
    """Where `text` is cut, by definition: grow it character by character until some stop string is complete."""
    begin = len(text) - len(text.lstrip())
    for end in range(begin, len(text) + 1):
        starts = [end - len(stop) for stop in stops if text[begin:end].endswith(stop)]
        if starts:
            return min(starts)
    return None


def held_back(text: str, stops: list[str]) -> int:
    """How much of the end of `text` may be the beginning of a stop string."""
    visible = text.lstrip()
    beginnings = [stop[:size] for stop in stops for size in range(1, len(stop))]
    return max((len(each) for each in beginnings if visible.endswith(each)), default=0)


@settings(max_examples=examples(150), derandomize=True)
@given(TEXTS, STOPS, st.lists(st.integers(0, 24), max_size=6))
def test_a_text_is_cut_where_the_definition_cuts_it_whatever_its_pieces(text, stops, cuts):
    found, edges = StopStrings(stops), sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    for start, end in itertools.pairwise(edges):
        found.feed(text[start:end])
        seen, position = text[:end], cut_at(text[:end], stops)
        assert found.position == position
        assert found.settled == (len(seen) - held_back(seen, stops) if position is None else position)
    assert found.position == cut_at(text, stops)


@settings(max_examples=examples(100), derandomize=True)
@given(TEXTS, STOPS)
def test_what_is_settled_is_never_taken_back(text, stops):
    found, settled = StopStrings(stops), 0
    for character in text:
        found.feed(character)
        assert found.settled >= settled
        settled = found.settled


class CountedText(str):
    """A text that counts how many of its characters are looked at one by one."""

    looked_at = 0

    def __getitem__(self, index):
        CountedText.looked_at += 1
        return super().__getitem__(index)


def test_the_work_for_a_piece_does_not_grow_with_the_text_before_it():
    def work(before: int) -> int:
        found = StopStrings(["aab", "END"])
        found.feed("a" * before)
        CountedText.looked_at = 0
        found.feed(CountedText("aE" * 50))
        return CountedText.looked_at

    assert work(10) == work(100_000) <= 2 * 100


def answered(text: str, stop: list[str]) -> AnswerText:
    answer = AnswerText(ByteTokenizer(), MARKERS, 1000, stop)
    for token in [*text.encode(), EOS]:
        if not answer.done:
            answer.feed(token, 0.0)
    return answer


@pytest.mark.parametrize(
    ("text", "stop", "shown"),
    [
        ("\n\nThe answer is 4.\n\nDone.", ["\n\n"], "The answer is 4."),
        ("\n75 is the largest so far.\nAnswer: 75", ["\n"], "75 is the largest so far."),
        (" \t\n 4 5", [" "], "4"),
        ("\n\n", ["\n"], ""),
        ("\n\nQ: 4", ["\n\nQ:"], "Q: 4"),
        ("one\n\nQ: two", ["\n\nQ:"], "one"),
        ("\u3000\u00a0x\u3000y", ["\u3000"], "x"),
        ("abcX", ["bcX", "X"], "a"),
        ("abX", ["abXY", "X"], "ab"),
    ],
)
def test_an_answer_ends_at_a_stop_string_after_its_first_visible_character(text, stop, shown):
    answer = answered(text, stop)
    assert answer.text.strip() == shown
    assert answer.finish_reason == "stop"


def test_a_stop_string_that_only_leads_an_answer_does_not_end_it():
    answer = answered("\n\nfour", ["\n\n"])
    assert (answer.text, answer.finish_reason) == ("\n\nfour", "stop")
    assert answered("\n\nfour", []).text == answer.text
