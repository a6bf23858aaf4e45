"""Cuts of a trunk: each is the prompt that the controller, and so the server, branches."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import ThinkingFormat, branch
from anytime_training.trees.forks import plan, plan_closed
from fakes import EOS, LONG_MARKERS, MARKERS, ByteTokenizer

TOKENIZER = ByteTokenizer()
SHORT = ThinkingFormat.from_markers(TOKENIZER, MARKERS)
LONG = ThinkingFormat.from_markers(TOKENIZER, LONG_MARKERS)
NO_CUE = SHORT.override(TOKENIZER, cue="")
BARE = replace(LONG, closing_ids=LONG.close_ids, cue_ids=())
FORMATS = {"one-token marker": SHORT, "long marker": LONG, "no cue": NO_CUE, "bare": BARE}
PROMPT = TOKENIZER.encode("question")
A, B = TOKENIZER.encode("ab")


@st.composite
def trunks(draw):
    """A format, budgets, and a trunk that the largest budget may have cut, a marker ended, or a turn's end broken."""
    format = draw(st.sampled_from(list(FORMATS.values())))
    budgets = sorted(draw(st.sets(st.integers(1, 24), min_size=1, max_size=5)))
    alphabet = st.sampled_from([A, B, *format.close_ids[:-1]])
    thinking = draw(st.lists(alphabet, min_size=budgets[-1], max_size=budgets[-1]))
    cut = draw(st.integers(0, budgets[-1]))
    ending = draw(st.sampled_from(["cut", "marker", "eos"]))
    if ending == "marker":
        thinking = [*thinking[:cut], *format.close_ids]
    elif ending == "eos" and cut < budgets[-1]:
        thinking = [*thinking[:cut], EOS]
    return format, budgets, thinking, ending


@given(trunks())
def test_every_answerable_budget_has_the_controllers_prompt(case):
    format, budgets, trunk, _ = case
    stem = plan(PROMPT, trunk, budgets, format)
    for index, budget in enumerate(budgets):
        broken = trunk[-1:] == [EOS] and budget >= len(trunk)
        expected = [] if broken else branch(PROMPT, trunk, budget, format)
        assert stem.prompt_of(index) == expected


@given(trunks())
def test_a_truncation_is_the_first_budget_with_the_same_prompt_kind(case):
    """Budgets past the end of the thinking share their cut; two cuts inside it never do."""
    format, budgets, trunk, _ = case
    stem = plan(PROMPT, trunk, budgets, format)
    ended = len(stem.prompt_ids) and (stem.ended or trunk[-1:] == [EOS])
    past = [index for index, budget in enumerate(budgets) if ended and budget > stem.length]
    expected = [min(past) if index in past else index for index in range(len(budgets))]
    assert list(stem.truncation) == expected
    assert sorted(stem.forks) == sorted(set(expected))


@given(trunks())
def test_a_fork_sees_a_prefix_and_forces_at_least_one_token(case):
    """The first sampled token of a branch follows a token of the branch, so that its target shifts right."""
    format, budgets, trunk, _ = case
    stem = plan(PROMPT, trunk, budgets, format)
    for fork in stem.forks.values():
        if fork:
            assert 0 < fork.reach <= len(stem.ids)
            assert len(fork.forced) > 0


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("length", "truncation"), [(4, (0, 0, 0)), (5, (0, 1, 1)), (6, (0, 1, 1)), (10, (0, 1, 2)), (14, (0, 1, 2))]
)
def test_thinking_that_ends_before_at_or_after_a_budget(name, length, truncation):
    format = FORMATS[name]
    stem = plan(PROMPT, [A] * length + list(format.close_ids), [5, 10, 15], format)
    assert stem.truncation == truncation
    assert stem.ended
    assert stem.length == length
    natural = [*PROMPT, *[A] * length, *format.close_ids, *format.cue_ids]
    cut = [*PROMPT, *[A] * 5, *format.closing_ids, *format.cue_ids]
    assert stem.prompt_of(2) == natural
    assert stem.prompt_of(0) == (natural if length < 5 else cut)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("length", "truncation", "answerable"),
    [
        (0, (0, 0, 0), (False, False, False)),
        (4, (0, 0, 0), (False, False, False)),
        (5, (0, 1, 1), (True, False, False)),
        (10, (0, 1, 2), (True, True, False)),
        (14, (0, 1, 2), (True, True, False)),
    ],
)
def test_a_turn_that_ends_while_it_thinks_can_be_answered_before_only(name, length, truncation, answerable):
    stem = plan(PROMPT, [*[A] * length, EOS], [5, 10, 15], FORMATS[name])
    assert stem.truncation == truncation
    assert tuple(bool(stem.prompt_of(index)) for index in range(3)) == answerable
    assert stem.length == length
    assert not stem.ended


def test_a_turn_that_ends_while_it_thinks_is_answered_once_where_it_is_closed():
    stem = plan_closed(PROMPT, [A, A, A, A, EOS], [2, 8, 16, 32], SHORT)
    assert stem.truncation == (0, 1, 1, 1)
    assert stem.truncation == plan_closed(PROMPT, [A, A, A, A, *SHORT.close_ids], [2, 8, 16, 32], SHORT).truncation


def test_thinking_cut_by_the_largest_budget_has_a_fork_at_each():
    stem = plan(PROMPT, [A] * 15, [5, 10, 15], SHORT)
    assert stem.truncation == (0, 1, 2)
    assert [len(stem.prompt_of(index)) for index in range(3)] == [
        len(PROMPT) + budget + len(SHORT.closing_ids) + len(SHORT.cue_ids) for budget in (5, 10, 15)
    ]
