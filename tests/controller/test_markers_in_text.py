"""Markers are text: the laws of the budget over vocabularies whose tokens cut through the markers, or run past them."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import (
    FREE,
    PRESETS,
    BudgetPolicy,
    BudgetState,
    Ending,
    Forbid,
    Force,
    Phase,
    ThinkingFormat,
    branch,
    close,
    split_trunk,
)
from vocabularies import bpe

HARMONY = ("<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>")


@dataclass(frozen=True)
class Case:
    """A format over a vocabulary, and the tokens that streams are drawn from."""

    tokenizer: object
    format: ThinkingFormat
    words: tuple[int, ...]

    def bytes_of(self, tokens):
        return b"".join(self.tokenizer.vocabulary[token] for token in tokens)

    def ids(self, *pieces):
        """Tokens by what they spell."""
        known = {piece: token for token, piece in enumerate(self.tokenizer.vocabulary)}
        return [known[piece.encode()] for piece in pieces]


def case_of(tokenizer, preset):
    format = ThinkingFormat.from_markers(tokenizer, PRESETS[preset])
    texts = (*format.markers.closers, format.markers.close, format.markers.open, format.markers.header_end)
    marked = [
        token
        for token, piece in enumerate(tokenizer.vocabulary)
        if piece and (any(piece in text.encode() for text in texts) or b"<" in piece or b">" in piece)
    ]
    return Case(tokenizer, format, (*marked, *tokenizer.encode("ab."), *format.eos_ids))


CASES = {
    "plain text": case_of(bpe(0), "think-tags"),
    "merges": case_of(bpe(60), "think-tags"),
    "many merges": case_of(bpe(160, seed=3), "think-tags"),
    "one token": case_of(bpe(60, ("<|end|>", "<think>", "</think>")), "qwen3"),
    "channels": case_of(bpe(20, HARMONY), "gpt-oss"),
    "channels in plain text": case_of(bpe(20), "gpt-oss"),
}
PLAIN, MERGES, ONE, CHANNELS = (CASES[name] for name in ("plain text", "merges", "one token", "channels"))


@st.composite
def streams(draw):
    """A case, and a stream in which now and then a whole marker stands, in the family's spelling or byte by byte."""
    case = draw(st.sampled_from(list(CASES.values())))
    pieces = st.one_of(
        st.sampled_from(case.words).map(lambda token: [token]),
        st.sampled_from(case.format.markers.closers).map(lambda text: case.tokenizer.encode(text)),
        st.sampled_from(case.format.markers.closers).map(
            lambda text: [token for letter in text for token in case.tokenizer.encode(letter)]
        ),
        st.just(list(case.format.close_ids)),
    )
    stream = [token for piece in draw(st.lists(pieces, min_size=4, max_size=14)) for token in piece]
    return case, stream


def play(state, case, stream, most=90):
    """Feed a stream of wishes, then letters: each is taken unless it is forbidden or another token is forced."""
    plain = case.tokenizer.encode("a")[0]
    taken = []
    for index in range(most):
        wish = stream[index] if index < len(stream) else plain
        constraint = state.constraint()
        if isinstance(constraint, Force):
            wish = constraint.token
        elif isinstance(constraint, Forbid) and wish in constraint.tokens:
            wish = plain
        taken.append((wish, state.observe(wish)))
        if wish in case.format.eos_ids and state.phase is Phase.ANSWER:
            break
    return taken


def thinking_of(state, taken):
    return [token for token, phase in taken if phase is Phase.THINKING][: state.spent]


@given(streams(), st.integers(0, 40), st.integers(0, 40))
def test_a_marker_ends_the_thinking_where_the_text_first_spells_it(drawn, budget, least):
    case, stream = drawn
    state = BudgetState(BudgetPolicy(budget, min(budget, least)), case.format)
    taken = play(state, case, stream)
    tokens = [token for token, _ in taken]
    thinking = thinking_of(state, taken)
    text = case.bytes_of(tokens)
    shown = case.bytes_of(thinking)[: len(case.bytes_of(thinking)) - state.overlap]
    shown += case.bytes_of(tokens[len(thinking) :])[: state.lead]
    if state.ending is Ending.NATURAL and not state.was_cut:
        found = [at for head in case.format.markers.closers if (at := text.find(head.encode())) >= 0]
        assert shown == text[: min(found)]
    for head in case.format.markers.closers:
        assert head.encode() not in shown
    assert text.startswith(shown)


@given(streams(), st.integers(0, 40))
def test_what_a_token_spells_past_the_marker_is_answer(drawn, budget):
    case, stream = drawn
    state = BudgetState(BudgetPolicy(budget), case.format)
    taken = play(state, case, stream)
    if state.ending is not Ending.NATURAL or state.was_cut or state.phase is not Phase.ANSWER:
        return
    answer = [token for token, phase in taken if phase is Phase.ANSWER]
    closer = taken[len(taken) - len(answer) - 1][0]
    rest = case.bytes_of([closer])[state.overrun :]
    before = case.bytes_of([token for token, _ in taken[: len(taken) - len(answer)]])
    ends = case.format.markers.header_end or case.format.markers.close
    assert before[: len(before) - len(rest)].endswith(ends.encode())


@given(streams(), st.integers(0, 40))
def test_hard_budgets_are_exact(drawn, budget):
    case, stream = drawn
    state = BudgetState(BudgetPolicy(budget), case.format)
    play(state, case, stream)
    assert state.spent <= budget
    if state.ending is Ending.BUDGET:
        assert state.spent == budget


@given(streams(), st.integers(0, 40), st.integers(0, 40))
def test_the_model_cannot_end_its_thinking_before_min_budget(drawn, budget, least):
    case, stream = drawn
    state = BudgetState(BudgetPolicy(budget, min(budget, least)), case.format)
    play(state, case, stream)
    assert state.ending is None or state.spent >= min(budget, least)


@given(streams(), st.integers(0, 40), st.integers(0, 40))
def test_thinking_under_a_budget_is_a_prefix_of_that_under_a_larger_one(drawn, first, second):
    case, stream = drawn
    runs = []
    for budget in sorted((first, second)):
        state = BudgetState(BudgetPolicy(budget), case.format)
        runs.append(thinking_of(state, play(state, case, stream)))
    assert runs[1][: len(runs[0])] == runs[0]


@given(streams(), st.integers(0, 30), st.integers(0, 30))
def test_a_branch_is_the_prompt_that_a_run_with_that_budget_comes_to(drawn, at, least):
    case, stream = drawn
    least = min(at, least)
    long = BudgetState(BudgetPolicy(60, min_budget=least), case.format)
    taken = play(long, case, stream)
    trunk = thinking_of(long, taken)
    natural = long.phase is Phase.ANSWER and not long.was_cut
    if natural:
        trunk = [token for token, phase in taken if phase in (Phase.THINKING, Phase.CLOSING)]
        assert split_trunk(trunk, case.format) == (trunk[: long.spent], True)
    elif at > len(trunk):
        return
    short = BudgetState(BudgetPolicy(at, min_budget=least, short_answer=True), case.format)
    run = [token for token, phase in play(short, case, stream) if phase is not Phase.ANSWER]
    if not set(run) & set(case.format.eos_ids) and short.phase is Phase.ANSWER:
        assert branch([1, 2], trunk, at, case.format, least) == [1, 2, *run]


@given(streams(), st.integers(1, 40), st.integers(0, 40))
def test_going_on_from_a_trunk_is_the_same_as_never_having_stopped(drawn, budget, stop):
    case, stream = drawn
    whole = BudgetState(BudgetPolicy(budget), case.format)
    taken = play(whole, case, stream)
    trunk = thinking_of(whole, taken)[:stop]
    state = BudgetState(BudgetPolicy(budget), case.format)
    for token in trunk:
        state.observe(token)
    resumed = BudgetState(BudgetPolicy(budget), case.format, trunk)
    rest = [token for token, _ in taken][len(trunk) :]
    assert play(resumed, case, rest) == play(state, case, rest)
    assert (resumed.spent, resumed.ending, resumed.overlap) == (state.spent, state.ending, state.overlap)


@given(streams(), st.integers(0, 20))
def test_after_a_cut_the_thinking_cannot_be_opened_again(drawn, budget):
    case, stream = drawn
    state = BudgetState(BudgetPolicy(budget), case.format)
    taken = play(state, case, stream * 2)
    if state.was_cut:
        answer = [token for token, phase in taken if phase is Phase.ANSWER]
        assert case.format.markers.reopener.encode() not in case.bytes_of(answer)


@pytest.mark.parametrize(
    ("pieces", "thought", "answer"),
    [
        (("4", ".", "\n", "<", "/", "t", "h", "i", "n", "k", ">", "T"), "4.\n", "T"),
        (("4", ".</think>", "T"), "4.", "T"),
        (("4", ".", "</think>\n\n", "T"), "4.", "\n\nT"),
        (("4", ".</", "think", ">The"), "4.", "The"),
    ],
)
def test_thinking_is_what_stands_before_the_marker_and_the_answer_what_stands_behind(pieces, thought, answer):
    case = case_of(bpe(0, ("<|end|>", ".</think>", "</think>\n\n", ".</", "think", ">The")), "think-tags")
    state = BudgetState(BudgetPolicy(40), case.format)
    tokens = case.ids(*pieces)
    phases = [state.observe(token) for token in tokens]
    answered = phases.count(Phase.ANSWER)
    kept, closer = case.bytes_of(tokens[: state.spent]), tokens[len(tokens) - answered - 1]
    shown = kept[: len(kept) - state.overlap] + case.bytes_of(tokens[state.spent :])[: state.lead]
    rest = case.bytes_of([closer])[state.overrun :] + case.bytes_of(tokens[len(tokens) - answered :])
    assert (shown.decode(), rest.decode(), state.ending) == (thought, answer, Ending.NATURAL)


def test_a_lone_angle_bracket_is_a_comparison_and_not_a_marker_begun():
    state = BudgetState(BudgetPolicy(2), ONE.format)
    for token in ONE.ids("x", "<"):
        state.observe(token)
    assert (state.spent, state.ending) == (2, Ending.BUDGET)
    assert state.constraint() == Force(ONE.format.closing_ids[0])


def test_a_marker_begun_in_plain_text_is_completed_though_it_has_a_token_of_its_own():
    thinking = ONE.ids("x", "<", "/", "t")
    closed = close(thinking, ONE.format)
    assert ONE.bytes_of(closed) == b"x</think>"


@pytest.mark.parametrize(
    ("header", "ends"),
    [
        ("<|channel|>final<|message|>", True),
        ("<|channel|>final <|constrain|>json<|message|>", True),
        ("<|channel|>commentary to=functions.add <|constrain|>json<|message|>", True),
        ("<|channel|>commentary<|message|>", True),
        (" to=functions.add<|channel|>commentary<|message|>", True),
        ("<|channel|>analysis to=python code<|message|>", True),
        ("<|channel|>analysis<|message|>", False),
    ],
)
def test_gpt_oss_stops_thinking_at_any_header_that_is_no_more_analysis(header, ends):
    state = BudgetState(BudgetPolicy(400), CHANNELS.format)
    encode = CHANNELS.tokenizer.encode
    thought = encode("We call.")
    for token in [*thought, *encode("<|end|><|start|>assistant" + header)]:
        state.observe(token)
    assert (state.ending is Ending.NATURAL) is ends
    assert (state.phase is Phase.ANSWER) is ends
    if ends:
        assert state.spent == len(thought)
        assert state.constraint() is FREE


def test_a_budget_that_ends_inside_another_header_brings_it_to_its_end_before_it_closes():
    encode, markers = CHANNELS.tokenizer.encode, CHANNELS.format.markers
    begun = encode("We call.<|end|><|start|>assistant<|channel|>comm")
    closed = CHANNELS.bytes_of(close(begun, CHANNELS.format)[len(begun) :])
    assert closed.decode() == "<|message|>" + markers.closing + markers.close


def test_a_header_that_has_named_who_reads_it_goes_on_whatever_the_budget():
    encode = CHANNELS.tokenizer.encode
    begun = encode("We call.<|end|><|start|>assistant<|channel|>commentary")
    state = BudgetState(BudgetPolicy(len(begun)), CHANNELS.format)
    phases = [state.observe(token) for token in [*begun, *encode(" to=functions.add <|message|>{}")]]
    assert (state.ending, state.spent) == (Ending.NATURAL, len(encode("We call.")))
    assert phases.count(Phase.CLOSING) == len(encode(" to=functions.add <|message|>"))
    assert state.constraint() is FREE


def test_the_tokens_that_complete_a_marker_are_known_from_every_node():
    completing = MERGES.format.close_search.completing
    for node in range(MERGES.format.close_search.nodes):
        for token in range(len(MERGES.tokenizer.vocabulary)):
            move = MERGES.format.close_search.move(node, token)
            assert (token in completing(node)) is (move.ended_at is not None)
