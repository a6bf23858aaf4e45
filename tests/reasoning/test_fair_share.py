"""Clients that share an engine: one with many sessions can't starve one with a single one."""

import asyncio
from dataclasses import replace

import pytest

from anytime_client.protocol import EVENT_ADAPTER
from anytime_server.engines import EngineRequest
from anytime_server.engines.gate import Gate
from anytime_server.engines.gated import Gated
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, ask
from reasoning.stepping import SteppingEngine, run_virtually

LONG = "0123456789" * 30
SLOTS = 16
SESSION = {"budget": 60, "min_budget": 60, "checkpoints": [10, 40], "grace_ms": 0}


def fair(engine, slots=SLOTS, weights=None, **settings):
    gated = Gated.over(engine, Gate(slots, weights or {}))
    return Reasoner(gated, fake_format(engine), ReasonSettings(weights=weights or {}, **settings))


def begin(reasoner, client, **fields):
    return reasoner.admit(replace(reasoner.plan(ask(**{**SESSION, **fields})), client=client))


def first_interim_s(sessions, *, shared=True):
    """The virtual seconds until a session's first interim answer beside so many of another client, and their queue."""

    async def measure():
        engine = SteppingEngine(scripted(LONG, ANSWER))
        reasoner = fair(engine, max_sessions=400) if shared else Reasoner(engine, fake_format(engine))
        for _ in range(sessions):
            begin(reasoner, "many")
        await asyncio.sleep(0.4)
        loop = asyncio.get_running_loop()
        session, began = begin(reasoner, "one"), loop.time()
        async for entry in session.log.read():
            if EVENT_ADAPTER.validate_json(entry.data).type == "checkpoint.answer":
                return loop.time() - began

    return run_virtually(measure)


def test_one_session_beside_two_hundred_has_its_first_interim_answer_in_twice_the_time():
    alone = first_interim_s(0)
    assert 0.1 < alone < first_interim_s(200) <= 2 * alone
    assert first_interim_s(200, shared=False) > 4 * alone


async def test_a_client_alone_is_served_as_many_as_there_are_slots_for_one():
    engine = FakeEngine(scripted(LONG, ANSWER))
    engine.gate.clear()
    reasoner = fair(engine, slots=8)
    sessions = [begin(reasoner, "many", checkpoints=[]) for _ in range(20)]
    await asyncio.sleep(0.02)
    assert (len(engine.active), reasoner.engine.load().waiting) == (7, 13)
    engine.gate.set()
    for session in sessions:
        assert (await session.wait()).status == "completed"
    assert reasoner.engine.load().waiting == 0


async def test_sessions_that_are_cancelled_while_they_wait_leave_the_queue():
    engine = FakeEngine(scripted(LONG, ANSWER))
    engine.gate.clear()
    reasoner = fair(engine, slots=2)
    sessions = [begin(reasoner, "many") for _ in range(6)]
    await asyncio.sleep(0.02)
    for session in sessions[1:]:
        session.cancel()
    await asyncio.sleep(0.02)
    assert reasoner.engine.load().waiting == 0
    engine.gate.set()
    documents = [await session.wait() for session in sessions]
    assert [document.status for document in documents] == ["completed", *["cancelled"] * 5]
    assert not engine.active


async def test_a_turn_that_comes_to_who_is_just_leaving_goes_to_the_next():
    gate = Gate(1)
    request = EngineRequest("r", (1,), 5, role="trunk")
    running = await gate.enter(request)
    leaving, stays = (asyncio.create_task(gate.enter(request)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.leave(request, running)
    gate.leave(request, await stays)
    assert leaving.cancelled()
    running = await gate.enter(request)
    told, stays = (asyncio.create_task(gate.enter(request)) for _ in range(2))
    await asyncio.sleep(0)
    gate.leave(request, running)
    told.cancel()
    gate.leave(request, await stays)
    assert gate.waiting == 0
    gate.leave(request, await gate.enter(request))


async def test_interim_answers_do_not_wait_for_thinking():
    engine = FakeEngine(scripted(LONG, ANSWER))
    reasoner = fair(engine, slots=2)
    sessions = [begin(reasoner, client) for client in "abcdef"]
    documents = [await session.wait() for session in sessions]
    assert all([answer.at for answer in document.checkpoints] == [10, 40] for document in documents)


@pytest.mark.parametrize(("weights", "goes_on"), [({}, False), ({"b": 3.0}, False), ({"a": 7.0, "b": 1.0}, True)])
async def test_session_slots_are_shared_too(weights, goes_on):
    engine = FakeEngine(scripted(LONG, ANSWER))
    engine.gate.clear()
    reasoner = fair(engine, slots=None, weights=weights, max_sessions=8)
    many = [begin(reasoner, "a") for _ in range(7)]
    with pytest.raises(Overloaded, match="share"):
        begin(reasoner, "a")
    one = begin(reasoner, "b")
    many.pop().cancel()
    await asyncio.sleep(0.01)
    # Whoever holds his share gets no more before others have theirs.
    if goes_on:
        many.append(begin(reasoner, "a"))
    else:
        with pytest.raises(Overloaded, match="share"):
            begin(reasoner, "a")
    engine.gate.set()
    await asyncio.gather(*(session.wait() for session in (*many, one)))


async def test_an_engine_that_orders_its_queue_is_told_the_order():
    engine = FakeEngine(scripted(LONG, ANSWER))
    reasoner = fair(engine, slots=None)
    for client in ("many", "many", "many", "one"):
        begin(reasoner, client, checkpoints=[])
    await asyncio.gather(*(session.wait() for session in reasoner._archive.running))
    tags = {request.session_id: request.priority for request in engine.requests if request.role == "trunk"}
    first, second, third, one = tags.values()
    assert first < second < third
    assert one < second


async def test_sharing_changes_no_token():
    engine = FakeEngine(scripted(LONG, ANSWER))
    plain = await Reasoner(engine, fake_format(engine)).submit(ask(**SESSION)).wait()
    shared = await begin(fair(FakeEngine(scripted(LONG, ANSWER))), "a").wait()
    unlike = {"id", "timings", "checkpoints", "last_sequence_number"}
    assert shared.model_dump(exclude=unlike) == plain.model_dump(exclude=unlike)
    assert [one.value for one in shared.checkpoints] == [one.value for one in plain.checkpoints]
