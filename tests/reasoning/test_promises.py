"""Deadlines under load, on a simulated engine: what is admitted is kept."""

import asyncio
import random

import pytest

from anytime_server.controller.load import LoadPolicy
from anytime_server.controller.load.pace import LATELY_S, WINDOW
from anytime_server.engines.gate import Gate
from anytime_server.engines.gated import Gated
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import fake_format, scripted
from reasoning.conftest import ANSWER, ask
from reasoning.stepping import SteppingEngine, run_virtually

LONG = "0123456789" * 60
BUDGET, CHECKPOINT = 60, 12


def promising(slots=16):
    engine = SteppingEngine(scripted(LONG, ANSWER))
    gated = Gated.over(engine, Gate(slots))
    reasoner = Reasoner(gated, fake_format(engine), ReasonSettings(load=LoadPolicy()))
    clock = asyncio.get_running_loop().time
    reasoner._sessions.speed.clock = reasoner._load._clock = clock
    return reasoner


def question(deadline_s=None, **fields):
    fields = {"budget": BUDGET, "min_budget": BUDGET, "checkpoints": [CHECKPOINT], "answer": "short", **fields}
    return ask(**fields, deadline_ms=None if deadline_s is None else round(deadline_s * 1000))


async def first_answer_s(reasoner):
    """Seconds to the first interim answer of a session alone."""
    loop = asyncio.get_running_loop()
    began, session = loop.time(), reasoner.submit(question())
    while not session.document().checkpoints:
        await asyncio.sleep(0.001)
    first_s = loop.time() - began
    await session.wait()
    return first_s


async def crowd(requests, load, seed, slowest=6.0):
    """Ask at random, `load` times as often as sessions end; return (lateness of each admitted one, how many were not).

    Deadlines begin at 1.5 times of what a first interim answer takes alone.
    """
    reasoner, random_, loop = promising(), random.Random(seed), asyncio.get_running_loop()
    alone_s = await first_answer_s(reasoner)
    rate = load * 16 / ((BUDGET + 20) * 0.018)
    late, refused, running = [], 0, []

    async def wait(session, at):
        document = await session.wait()
        assert document.status == "completed"
        assert document.answer is not None
        late.append(loop.time() - at)

    while len(running) < requests:
        await asyncio.sleep(random_.expovariate(rate))
        deadline_s = alone_s * random_.uniform(1.5, slowest)
        try:
            session = reasoner.submit(question(deadline_s))
        except Overloaded:
            refused += 1
            continue
        running.append(asyncio.create_task(wait(session, loop.time() + deadline_s)))
    await asyncio.gather(*running)
    return late, refused


@pytest.mark.parametrize(
    ("requests", "load", "seed"), [(80, 1.0, 2), pytest.param(160, 2.0, 3, marks=pytest.mark.slow)]
)
def test_of_all_admitted_deadlines_none_is_missed(requests, load, seed):
    late, refused = run_virtually(lambda: crowd(requests, load, seed))
    assert len(late) >= requests
    assert not [one for one in late if one > 0]
    assert refused < 10 * len(late)


def test_a_burst_of_deadlines_is_admitted_as_far_as_they_can_be_kept():
    async def burst():
        reasoner, loop = promising(), asyncio.get_running_loop()
        alone_s = await first_answer_s(reasoner)
        began, sessions, refusals = loop.time(), [], []
        for _ in range(60):
            try:
                sessions.append(reasoner.submit(question(2.5 * alone_s)))
            except Overloaded as refusal:
                refusals.append(refusal)
        await asyncio.gather(*(session.wait() for session in sessions))
        return sessions, refusals, loop.time() - began - 2.5 * alone_s

    sessions, refusals, late_s = run_virtually(burst)
    assert len(sessions) >= 1
    assert late_s <= 0
    own = [refusal for refusal in refusals if refusal.param == "deadline_ms"]
    assert own
    assert "raise deadline_ms" in own[0].message
    assert own[0].retry_after is not None


def test_a_session_without_a_deadline_does_not_break_those_of_others():
    async def asked():
        reasoner = promising(slots=2)
        alone_s = await first_answer_s(reasoner)
        promised = reasoner.submit(question(2 * alone_s))
        refused = 0
        for _ in range(9):
            try:
                reasoner.submit(question())
            except Overloaded as refusal:
                assert "deadlines of sessions that run" in refusal.message
                refused += 1
        loop = asyncio.get_running_loop()
        at = loop.time() + 2 * alone_s
        await promised.wait()
        return refused, loop.time() - at

    refused, late_s = run_virtually(asked)
    assert refused > 0
    assert late_s <= 0


def test_nothing_is_refused_before_anything_is_measured():
    async def first():
        return (await promising().submit(question(9.0)).wait()).stop_reason

    assert run_virtually(first) == "budget"


def test_an_idle_server_that_was_slow_finds_out_that_it_is_not_any_more():
    async def recovers():
        reasoner = promising()
        alone_s = await first_answer_s(reasoner)
        speed = reasoner._sessions.speed
        for _ in range(WINDOW):
            speed.note_first_token(speed.clock() - 100 * alone_s)
        with pytest.raises(Overloaded, match="no answer can be ready"):
            reasoner.submit(question(8 * alone_s))
        await asyncio.sleep(LATELY_S + 1)
        probe = reasoner.submit(question(8 * alone_s))
        with pytest.raises(Overloaded, match="no answer can be ready"):
            reasoner.submit(question(8 * alone_s))
        await probe.wait()
        pair = [reasoner.submit(question(8 * alone_s)) for _ in range(2)]
        return [(await session.wait()).answer is not None for session in pair]

    assert run_virtually(recovers) == [True, True]
