import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.reasoning.answers.majority import Draft, majority
from anytime_server.reasoning.text.detokenizer import Detokenizer
from anytime_server.values import same_value, short_value, value_of
from fakes import ByteTokenizer

CUE = "\n\n**Final Answer**\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so \\boxed{42}.", "42"),
        ("\\boxed{1} no, \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{unclosed", None),
        ("**Final Answer**\n 7 apples \nmore", "7 apples"),
        ("no value in here", None),
    ],
)
def test_the_value_of_a_full_answer(text, value):
    assert value_of(text, CUE) == value


def test_the_value_of_a_short_answer_is_its_first_line_or_its_box():
    assert short_value(" 42\nbecause") == "42"
    assert short_value("\\boxed{7} is it") == "7"
    assert short_value("  \n") is None


def test_display_maths_and_fences_are_no_values():
    assert [short_value(f"$$\n{number}\n$$") for number in (1, 2, 3)] == ["1", "2", "3"]
    assert [short_value(f"```\n{number}\n```") for number in (1, 2, 3)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("42", " 42. ", True),
        ("1,000", "1000", True),
        ("0.5", "1/2", True),
        ("Paris", "paris!", True),
        ("42", "43", False),
        ("1/0", "1/0", True),
        ("٣", "3", True),
        (None, None, False),
        ("x", None, False),
        ("9" * 5000, "9" * 5000, True),
        ("1,2", "12", False),
        ("0,5", "5", False),
        ("12,34", "1234", False),
    ],
)
def test_when_answers_agree(first, second, same):
    assert same_value(first, second) is same
    assert same_value(second, first) is same


@given(st.text())
def test_a_value_agrees_with_itself(text):
    assert same_value(text, text)


def test_the_majority_wins_and_its_confidence_is_its_share_times_its_probability():
    drafts = [Draft("a", "3", 0.9), Draft("b", "4", 0.5), Draft("c", "4.0", 0.7)]
    vote = majority(drafts)
    assert (vote.draft.text, vote.votes) == ("c", 2)
    assert vote.confidence == pytest.approx(2 / 3 * 0.6)


def test_drafts_without_a_value_do_not_agree_with_each_other():
    assert majority([Draft("", None, 0.9), Draft("", None, 0.9), Draft("5", "5", 0.1)]).votes == 1


@given(st.text(), st.integers(1, 4))
def test_streamed_text_is_the_text_whatever_the_chunks(text, size):
    tokenizer = ByteTokenizer()
    ids = list(text.encode())
    detokenizer = Detokenizer(tokenizer)
    pieces = [detokenizer.feed(ids[start : start + size]) for start in range(0, len(ids), size)]
    assert "".join(pieces) == text
