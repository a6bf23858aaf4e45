"""Thinking that ends because of what it says: where, whatever the engine delivers at once and whatever dies."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_client.protocol import ReasonRequest, StopWhen
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Reasoner, ReasonSettings, RequestDefaults
from chunky import ChunkyEngine
from fakes import LONG_MARKERS, MARKERS, ByteTokenizer, ScriptedEngine, fake_format, scripted
from reasoning.conftest import ANSWER, ask, events_of
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")

LOOP = "so " * 60
"""A cycle of three tokens: a loop after 25 of them."""


def chunky(thinking, chunk, markers=MARKERS, **settings):
    engine = ChunkyEngine(scripted(thinking, ANSWER), chunk)
    return engine, Reasoner(engine, fake_format(engine, markers), ReasonSettings(**settings))


def conserved(engine, usage):
    return usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated


async def test_thinking_that_loops_is_closed_and_answered(make):
    engine, reasoner = make(thinking="let me see:" + LOOP)
    session = reasoner.submit(ask(budget=180, checkpoints=[], stop_when={"loop": True}))
    document = await session.wait()
    assert (document.status, document.stop_reason) == ("completed", "loop")
    assert document.thinking == "let me see:" + LOOP[: 3 * 3 + 16]
    assert (document.answer.text, document.budget.spent) == (ANSWER, len(document.thinking))
    assert conserved(engine, document.usage)
    assert engine.active == set()


async def test_without_the_rule_it_loops_on_to_the_budget(make):
    _, reasoner = make(thinking=LOOP)
    document = await reasoner.submit(ask(budget=150, stop_when={"stable": 1000})).wait()
    assert (document.stop_reason, document.budget.spent) == ("budget", 150)


@pytest.mark.parametrize(
    ("pattern", "thinking", "seen"),
    [
        ("(?i)final answer: [0-9]+", "x\nFinal answer: 42, I think", "x\nFinal answer: 4"),
        (r"\bwait\b", "await the waiter; wait, no", "await the waiter; wait,"),
        ("日本", "は日本です", "は日本"),
        ("é", "café au lait", "café"),
    ],
)
async def test_thinking_ends_where_its_text_matches(pattern, thinking, seen):
    tokenizer = ByteTokenizer()
    engine = ScriptedEngine(tokenizer, tokenizer.encode(f"{thinking}</think>"), tokenizer.encode(ANSWER))
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings())
    document = await reasoner.submit(ask(budget=200, checkpoints=[], stop_when={"match": pattern})).wait()
    assert (document.stop_reason, document.thinking) == ("match", seen)


async def test_a_rule_that_comes_first_wins(make):
    _, reasoner = make(thinking="a; a; " + LOOP)
    rules = {"loop": True, "match": "so so", "stable": 50, "confidence": 1.0}
    document = await reasoner.submit(ask(budget=150, checkpoints={"every": 10}, stop_when=rules)).wait()
    assert (document.stop_reason, document.thinking) == ("match", "a; a; so so")
    document = await reasoner.submit(ask(budget=30, checkpoints=[], stop_when={"loop": True})).wait()
    assert document.stop_reason == "budget"


async def test_a_loop_that_is_complete_with_the_last_token_of_the_budget_is_the_budgets(make):
    _, reasoner = make(thinking=LOOP)
    for budget, reason in ((25, "budget"), (26, "loop")):
        document = await reasoner.submit(ask(budget=budget, checkpoints=[], stop_when={"loop": True})).wait()
        assert (document.budget.spent, document.stop_reason) == (25, reason)


async def test_a_loop_is_closed_before_the_least_budget(make):
    _, reasoner = make(thinking=LOOP)
    document = await reasoner.submit(ask(budget=150, min_budget=100, checkpoints=[], stop_when={"loop": True})).wait()
    assert (document.stop_reason, document.budget.spent) == ("loop", 25)


async def test_an_extension_counts_anew_from_where_the_thinking_goes_on(make):
    _, reasoner = make(thinking=LOOP)
    session = reasoner.submit(ask(budget=150, checkpoints=[], stop_when={"loop": True}))
    assert (await session.wait()).budget.spent == 25
    reasoner.extend(session.id, 100, relative=True)
    document = await session.wait()
    assert (document.stop_reason, document.budget.spent) == ("loop", 50)


async def test_a_structured_answer_follows_a_loop(make):
    engine, reasoner = make(thinking=LOOP)
    fields = {"structured_outputs": {"regex": ".*"}, "checkpoints": []}
    document = await reasoner.submit(ask(budget=150, stop_when={"loop": True}, **fields)).wait()
    assert (document.stop_reason, document.answer.text) == ("loop", ANSWER)
    assert engine.requests[-1].structured is not None


THINKINGS = st.sampled_from(
    [
        "a=1; " + LOOP,
        "a; " * 40,
        "x [/en; [/e [/en" * 12,  # half markers, which come to be thinking several tokens at once
        "no loop; match it here; done",
        "[/e match",
    ]
)
RULES = st.sampled_from([{"loop": True}, {"match": "match"}, {"match": "(?m)en; ", "loop": True}, {"match": "a; a; a"}])


@settings(max_examples=examples(40))
@given(
    thinking=THINKINGS,
    rules=RULES,
    chunk=st.integers(2, 70),
    markers=st.sampled_from([MARKERS, LONG_MARKERS]),
    budget=st.sampled_from([7, 24, 25, 26, 60, 120]),
    checkpoints=st.sampled_from([[], {"every": 9}]),
    deaths=st.sets(st.integers(1, 120), max_size=2),
)
def test_where_it_ends_depends_on_the_tokens_alone(thinking, rules, chunk, markers, budget, checkpoints, deaths):
    async def law():
        request = ask(budget=budget, checkpoints=checkpoints, stop_when=rules)
        told = []
        for size, dies_at in ((1, set()), (chunk, deaths)):
            engine, reasoner = chunky(thinking, size, markers)
            engine.dies_at = set(dies_at)
            document = await reasoner.submit(request).wait()
            usage = document.usage
            assert conserved(engine, usage) or dies_at
            checked = [(point.at, point.answer, point.value) for point in document.checkpoints]
            told.append((document.thinking, document.budget, document.stop_reason, document.answer.text, checked))
        assert told[0] == told[1]

    asyncio.run(law())


async def test_a_chunk_that_goes_on_past_the_end_is_cut_there():
    engine, reasoner = chunky("ab; match; and so on", 64)
    session = reasoner.submit(ask(budget=60, checkpoints=[], stop_when={"match": "match"}))
    document = await session.wait()
    assert (document.thinking, document.budget.spent) == ("ab; match", 9)
    assert document.usage.discarded > 0
    assert conserved(engine, document.usage)
    assert [event.type for event in await events_of(session)][-1] == "reason.completed"


def test_a_pattern_that_can_not_be_looked_for_is_refused_by_its_field(make):
    with pytest.raises(InvalidRequest, match="missing") as refusal:
        make()[1].plan(ReasonRequest(prompt="x", stop_when={"match": "("}))
    assert refusal.value.param == "stop_when.match"


def test_the_servers_pattern_is_checked_when_it_starts():
    with pytest.raises(ValueError, match="missing"):
        RequestDefaults(stop_when=StopWhen(match="("))
