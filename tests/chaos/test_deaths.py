"""An engine that dies in the middle of everything else: many sessions, steering, half of a marker, a second death.

`tests/reasoning/test_resumed.py` has the deaths at every token of a quiet run.
"""

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask, events_of
from searches import examples

LONG = "".join(f"{step};" for step in range(60))
LATE = "so on</think>There are 4.\nAnswer: 4"
"""An answer that closes the thinking once more: what stands before is no content."""

REOPENS = "so on <think>4; <think>\nAnswer: 4"
"""An answer that would open the thinking again."""


def halves(ids, seed):
    """A model whose characters are several tokens: a death, or the budget, comes in the middle of one."""
    begun = ids[ids.index(257) + 1 :]
    if 258 not in begun:
        script = [*"ä€😀;größer;".encode(), 258]
        return script[len(begun) : len(begun) + 1]
    script = [*"größer als 4 😀".encode(), 256]
    return script[len(begun) - begun.index(258) - 1 :][:1]


class Mortal(FakeEngine):
    """Stays down after a death until it is let back."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.back = asyncio.Event()
        self.waiting = 0

    async def alive(self):
        self.waiting += 1
        try:
            await self.back.wait()
        finally:
            self.waiting -= 1

    async def until_down(self):
        """Wait until a session waits for the engine, or none runs any more."""
        while not self.waiting and (self.active or not self.requests):
            await asyncio.sleep(0)


def told(events):
    """What a reader has in the end: whole texts, interim answers, ends."""
    checkpoints = [(e.at, e.answer, e.value, e.votes) for e in events if e.type == "checkpoint.answer"]
    ends = [
        (e.type, e.document.answer, e.document.thinking, e.document.budget.spent, e.document.usage.thinking)
        for e in events
        if e.type in ("reason.completed", "reason.failed", "reason.cancelled")
    ]
    texts = ["".join(e.delta for e in events if e.type == kind) for kind in ("thinking.delta", "answer.delta")]
    return texts, checkpoints, ends


def reasoner_over(engine):
    return Reasoner(engine, fake_format(engine), ReasonSettings())


async def run(engine, **fields):
    """Run a session to its end, and return what its log holds; the engine is empty then."""
    session = reasoner_over(engine).submit(ask(**fields))
    await session.wait()
    events = await events_of(session)
    assert not engine.active
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    return events


def engine_of(thinking=THINKING, answer=ANSWER, kind=FakeEngine, dies_at=(), model=None):
    engine = kind(model or scripted(thinking, answer))
    engine.dies_at = set(dies_at)
    return engine


# --- what a session may be in the middle of ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"budget": 12, "stop": ["4."]}, {}),
        ({"budget": 12, "stop": ["\nAns"], "logprobs": True}, {}),
        ({"budget": 12}, {"answer": LATE}),
        ({"budget": 12, "logprobs": True, "top_logprobs": 1}, {"answer": LATE}),
        ({"budget": 12}, {"answer": REOPENS}),
        ({"budget": 12, "checkpoints": [4, 8], "interim": {"samples": 3, "temperature": 1.0}}, {}),
        ({"budget": 12, "max_answer_tokens": 5}, {}),
        ({"budget": 60}, {"thinking": LONG, "plain": True}),
        ({"budget": 60, "checkpoints": [10, 50]}, {"thinking": LONG, "plain": True}),
        ({"budget": 14}, {"model": halves}),
        ({"budget": 100, "logprobs": True}, {"model": halves}),
    ],
    ids=lambda part: " ".join(part),
)
async def test_a_death_at_any_token_changes_nothing(fields, options):
    def made(dies_at=()):
        made_of = {name: value for name, value in options.items() if name != "plain"}
        engine = engine_of(dies_at=dies_at, **made_of)
        engine.plain_from = 8 if "plain" in options else None
        return engine

    asked = {"checkpoints": [], **fields}
    quiet = made()
    undisturbed = told(await run(quiet, **asked))
    for token in range(1, quiet.generated + 1):
        engine = made([token])
        assert told(await run(engine, **asked)) == undisturbed, f"died at token {token}"
        assert engine.lives == 2


async def test_two_deaths_at_any_two_tokens_change_nothing():
    quiet = engine_of(answer="4!")
    undisturbed = told(await run(quiet, budget=6, checkpoints=[3]))
    for deaths in itertools.combinations(range(1, quiet.generated + 1), 2):
        engine = engine_of(answer="4!", dies_at=deaths)
        assert told(await run(engine, budget=6, checkpoints=[3])) == undisturbed, f"died at {deaths}"
        assert engine.lives >= 2


@pytest.mark.parametrize("budget", [8, 40])
async def test_a_death_at_any_token_of_a_further_run_changes_nothing(budget):
    async def extended(dies_at=()):
        engine = engine_of(LONG)
        reasoner = reasoner_over(engine)
        session = reasoner.submit(ask(budget=budget, checkpoints=[]))
        await session.wait()
        first = engine.generated
        engine.dies_at = {first + token for token in dies_at}
        reasoner.extend(session.id, 20, relative=True)
        await session.wait()
        return engine, told(await events_of(session)), engine.generated - first

    _, undisturbed, tokens = await extended()
    for token in range(1, tokens + 1):
        engine, events, _ = await extended([token])
        assert events == undisturbed, f"died at token {token} of the second run"
        assert engine.lives == 2


@settings(max_examples=examples(30))
@given(data=st.data())
async def test_sessions_that_share_an_engine_outlive_it_together(data):
    asked = [
        {
            "budget": data.draw(st.integers(0, 30)),
            "checkpoints": data.draw(st.sampled_from([[], [3], [2, 5]])),
            "answer": data.draw(st.sampled_from(["full", "short"])),
        }
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    for fields in asked:
        fields["checkpoints"] = [at for at in fields["checkpoints"] if at <= fields["budget"]]
    alone = [told(await run(engine_of(), **fields)) for fields in asked]
    engine = engine_of(dies_at=data.draw(st.sets(st.integers(1, 250), max_size=8)))
    reasoner = reasoner_over(engine)
    sessions = [reasoner.submit(ask(**fields)) for fields in asked]
    for session in sessions:
        await session.wait()
    assert [told(await events_of(session)) for session in sessions] == alone
    assert not engine.active


# --- what others ask meanwhile ----------------------------------------------------------------------------------------


async def down_at(token, **fields):
    """A session whose engine has died at its `token`, and is not back yet."""
    engine = engine_of(LONG, kind=Mortal, dies_at=[token])
    reasoner = reasoner_over(engine)
    session = reasoner.submit(ask(checkpoints=[], **fields))
    await engine.until_down()
    assert engine.lives == 2
    return engine, reasoner, session


DEATHS = range(1, 12 + len("..x") + len(ANSWER))


@pytest.mark.parametrize("token", DEATHS)
async def test_an_answer_asked_for_while_the_engine_is_down_comes_when_it_is_back(token):
    engine, _, session = await down_at(token, budget=12)
    session.answer_now()
    engine.back.set()
    document = await session.wait()
    spent = document.budget.spent
    assert document.stop_reason in (("answer_now",) if spent < 12 else ("answer_now", "budget"))
    assert told(await events_of(session)) == told(await run(engine_of(LONG), budget=spent, checkpoints=[]))
    assert not engine.active


@pytest.mark.parametrize("token", DEATHS)
async def test_a_budget_raised_while_the_engine_is_down_is_thought_to_its_end(token):
    engine, reasoner, session = await down_at(token, budget=12)
    reasoner.extend(session.id, 20, relative=False)
    engine.back.set()
    document = await session.wait()
    (_, _, ends) = told(await events_of(session))
    (_, _, twins) = told(await run(engine_of(LONG), budget=20, checkpoints=[]))
    assert ends == twins
    assert document.budget.spent == 20
    assert not engine.active


@pytest.mark.parametrize("token", DEATHS)
async def test_a_session_can_be_cancelled_while_its_engine_is_down(token):
    engine, _, session = await down_at(token, budget=12)
    session.cancel()
    document = await session.wait()
    assert document.status == "cancelled"
    assert [event.type for event in await events_of(session)].count("reason.cancelled") == 1
    assert not engine.waiting
    assert not engine.active


async def test_a_session_whose_reader_leaves_while_its_engine_is_down_is_abandoned():
    engine, _, session = await down_at(9, budget=24)
    with session.audience.reading():
        pass
    async with asyncio.timeout(10):
        document = await session.wait()
    assert document.status == "cancelled"
    assert not engine.waiting


async def test_branches_and_trunk_wait_for_their_engine_side_by_side():
    engine = engine_of(kind=Mortal, dies_at=[14])
    session = reasoner_over(engine).submit(ask(budget=12, checkpoints=[2, 4, 6]))
    await engine.until_down()
    for _ in range(50):
        await asyncio.sleep(0)
    waiting = engine.waiting
    engine.back.set()
    await session.wait()
    assert waiting > 1
    assert told(await events_of(session)) == told(await run(engine_of(), budget=12, checkpoints=[2, 4, 6]))


@pytest.mark.parametrize("seed", range(20))
async def test_steering_and_deaths_at_random_leave_a_prefix_of_the_undisturbed_run(seed):
    rng = random.Random(seed)
    engine = engine_of(LONG, dies_at=rng.sample(range(1, 120), 5))
    reasoner = reasoner_over(engine)
    session = reasoner.submit(ask(budget=30, checkpoints=[10]))
    for _ in range(rng.randrange(60)):
        await asyncio.sleep(0)
    if not session.has_ended:
        rng.choice([session.answer_now, lambda: reasoner.extend(session.id, 50, relative=False)])()
    document = await session.wait()
    twin = await run(engine_of(LONG), budget=document.budget.spent, checkpoints=[])
    assert document.status == "completed"
    assert document.thinking == twin[-1].document.thinking
    assert document.answer.text == twin[-1].document.answer.text
    assert not engine.active
