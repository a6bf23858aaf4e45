import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import (
    FREE,
    BudgetPolicy,
    BudgetState,
    Ending,
    Forbid,
    Force,
    ForcedTokenError,
    Phase,
    ThinkingFormat,
    branch,
    close,
)
from fakes import EOS, LONG_MARKERS, MARKERS, ByteTokenizer

TOKENIZER = ByteTokenizer()
SHORT = ThinkingFormat.from_markers(TOKENIZER, MARKERS)
LONG = ThinkingFormat.from_markers(TOKENIZER, LONG_MARKERS)
FORMATS = st.sampled_from([SHORT, LONG])
# Streams rich in what matters: the close markers' own tokens, the end of sequence, and a sentence end.
ALPHABET = sorted({*SHORT.close_ids, *LONG.close_ids, EOS, ord("."), ord("a"), ord("b")})
STREAMS = st.lists(st.sampled_from(ALPHABET), min_size=60, max_size=60)
# Close markers of several tokens are rarely hit by chance, so half of the streams hold one on purpose.
MARKED = st.builds(
    lambda stream, at, marker: [*stream[:at], *marker, *stream[at:]],
    STREAMS,
    st.integers(0, 30),
    st.sampled_from([SHORT.close_ids, LONG.close_ids, LONG.close_ids[:3]]),
)
STREAM = st.one_of(STREAMS, MARKED)


@st.composite
def policies(draw):
    budget = draw(st.integers(0, 30))
    return BudgetPolicy(
        budget=budget,
        min_budget=draw(st.integers(0, budget)),
        landing=draw(st.integers(0, 10)),
        short_answer=draw(st.booleans()),
        sentence_end_ids=frozenset({ord(".")}),
    )


def play(state, stream):
    """Feed a stream of wishes: each is taken unless it is forbidden or another token is forced."""
    taken = []
    for wish in stream:
        constraint = state.constraint()
        if isinstance(constraint, Force):
            wish = constraint.token
        elif isinstance(constraint, Forbid) and wish in constraint.tokens:
            wish = ord("a")
        taken.append((wish, state.observe(wish)))
        if wish == EOS and state.phase is Phase.ANSWER:
            break
    return taken


def thinking_of(state, taken):
    return [token for token, phase in taken if phase is Phase.THINKING][: state.spent]


@given(policies(), FORMATS, STREAM)
def test_thinking_never_exceeds_the_budget_and_equals_it_when_cut_hard(policy, format, stream):
    state = BudgetState(policy, format)
    play(state, stream)
    assert state.spent <= policy.budget
    if state.ending is Ending.BUDGET:
        assert policy.budget - policy.landing <= state.spent
        if policy.landing == 0:
            assert state.spent == policy.budget


@given(policies(), FORMATS, STREAM)
def test_thinking_always_ends_in_its_close_marker_and_then_the_cue(policy, format, stream):
    state = BudgetState(policy, format)
    taken = play(state, stream * 2)
    marker = [token for token, phase in taken if phase is Phase.THINKING][state.spent :]
    closing = [token for token, phase in taken if phase is Phase.CLOSING]
    if EOS in marker or not marker:
        assert closing == [*format.closing_ids]
    else:
        assert marker + closing == [*format.close_ids]
    cue = [token for token, phase in taken if phase is Phase.CUE]
    assert cue == ([*format.cue_ids] if policy.short_answer else [])


@given(policies(), FORMATS, STREAM)
def test_the_model_cannot_end_its_thinking_before_min_budget(policy, format, stream):
    state = BudgetState(policy, format)
    play(state, stream)
    assert state.ending is None or state.spent >= policy.min_budget


@given(st.integers(0, 30), st.integers(0, 30), FORMATS, STREAM)
def test_thinking_under_a_budget_is_a_prefix_of_that_under_a_larger_one(first, second, format, stream):
    smaller, larger = sorted((first, second))
    runs = []
    for budget in (smaller, larger):
        state = BudgetState(BudgetPolicy(budget), format)
        runs.append(thinking_of(state, play(state, stream * 2)))
    assert runs[1][: len(runs[0])] == runs[0]


@given(st.integers(0, 25), st.integers(0, 25), FORMATS, STREAM)
def test_a_branch_is_the_prompt_that_a_run_with_that_budget_comes_to(at, least, format, stream):
    prompt = [1, 2, 3]
    least = min(at, least)
    long = BudgetState(BudgetPolicy(40, min_budget=least), format)
    taken = play(long, stream * 2)
    trunk = thinking_of(long, taken)
    natural = [token for token, _ in taken][len(trunk) :][: len(format.close_ids)] == [*format.close_ids]
    if long.ending is Ending.NATURAL and natural:
        trunk = [*trunk, *format.close_ids]
    elif at > len(trunk):
        return
    short = BudgetState(BudgetPolicy(at, min_budget=least, short_answer=True), format)
    run = [token for token, phase in play(short, stream * 2) if phase is not Phase.ANSWER]
    if EOS not in run:
        assert branch(prompt, trunk, at, format, least) == [*prompt, *run]


@given(st.integers(1, 20), st.integers(0, 20), FORMATS, STREAM)
def test_going_on_from_a_trunk_is_the_same_as_never_having_stopped(budget, stop, format, stream):
    whole = BudgetState(BudgetPolicy(budget), format)
    taken = play(whole, stream * 2)
    trunk = thinking_of(whole, taken)[:stop]
    state = BudgetState(BudgetPolicy(budget), format)
    for token in trunk:
        state.observe(token)
    resumed = BudgetState(BudgetPolicy(budget), format, trunk)
    rest = [token for token, _ in taken][len(trunk) :]
    assert play(resumed, rest) == play(state, rest)
    assert (resumed.spent, resumed.ending) == (state.spent, state.ending)


def test_budget_zero_closes_at_once():
    state = BudgetState(BudgetPolicy(0, short_answer=True), SHORT)
    forced = []
    while isinstance(constraint := state.constraint(), Force):
        forced.append(constraint.token)
        state.observe(constraint.token)
    assert forced == [*SHORT.closing_ids, *SHORT.cue_ids]
    assert state.phase is Phase.ANSWER
    assert state.constraint() == Forbid(SHORT.open_ids)


def test_a_close_marker_of_several_tokens_is_not_counted_as_thinking():
    state = BudgetState(BudgetPolicy(20), LONG)
    for token in TOKENIZER.encode("ab[/end]"):
        assert state.observe(token) is Phase.THINKING
    assert (state.spent, state.ending, state.phase) == (2, Ending.NATURAL, Phase.ANSWER)


def test_a_budget_that_ends_inside_a_close_marker_completes_it():
    state = BudgetState(BudgetPolicy(4), LONG)
    for token in TOKENIZER.encode("ab[/"):
        state.observe(token)
    assert (state.spent, state.ending) == (2, Ending.NATURAL)
    assert state.constraint() == Force(ord("e"))
    assert close(TOKENIZER.encode("ab[/"), LONG) == TOKENIZER.encode("ab[/end]")


def test_an_end_of_sequence_while_thinking_is_a_natural_end_that_still_gets_closed():
    state = BudgetState(BudgetPolicy(9), SHORT)
    state.observe(ord("a"))
    state.observe(EOS)
    assert (state.spent, state.ending) == (1, Ending.NATURAL)
    assert state.constraint() == Force(SHORT.closing_ids[0])


def test_the_landing_window_cuts_at_a_sentence_end_only_inside_it():
    policy = BudgetPolicy(10, landing=4, sentence_end_ids=frozenset({ord(".")}))
    state = BudgetState(policy, SHORT)
    for token in b"ab.cd.":
        state.observe(token)
    assert (state.spent, state.ending) == (6, Ending.BUDGET)


def test_before_min_budget_the_close_marker_and_the_end_are_forbidden():
    state = BudgetState(BudgetPolicy(9, min_budget=1), SHORT)
    assert state.constraint() == Forbid((*SHORT.close_ids, EOS))
    state.observe(ord("a"))
    assert state.constraint() is FREE


def test_an_engine_that_breaks_a_forced_token_is_caught():
    state = BudgetState(BudgetPolicy(0), SHORT)
    with pytest.raises(ForcedTokenError, match="was forced"):
        state.observe(ord("a"))


@pytest.mark.parametrize("wrong", [{"budget": -1}, {"budget": 3, "min_budget": 4}, {"budget": 3, "landing": -1}])
def test_impossible_policies_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        BudgetPolicy(**wrong)


def test_a_branch_beyond_a_trunk_that_has_not_ended_is_refused():
    with pytest.raises(ValueError, match="can't be branched"):
        branch([1], [ord("a")], 2, SHORT)
    with pytest.raises(ValueError, match="at >= 0"):
        branch([1], [ord("a")], -1, SHORT)
