"""An engine that dies, at every token of a run: its readers see what they would have seen, and that it went on."""

import asyncio

import pytest

from anytime_client.protocol import EVENT_ADAPTER
from anytime_server.errors import EngineDied, EngineError
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import LONG_MARKERS, MARKERS, FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask, events_of, told


def fake(thinking=THINKING, answer=ANSWER, markers=MARKERS, **settings):
    engine = FakeEngine(scripted(thinking, answer))
    return engine, Reasoner(engine, fake_format(engine, markers), ReasonSettings(**settings))


async def run(request, dies_at=(), **options):
    engine, reasoner = fake(**options)
    engine.dies_at = set(dies_at)
    session = reasoner.submit(ask(**request))
    await session.wait()
    events = await events_of(session)
    assert not engine.active
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    return engine, events


@pytest.mark.parametrize(
    "request_",
    [
        {"budget": 12, "checkpoints": []},
        {"budget": 12, "checkpoints": [4, 8]},
        {"budget": 100, "checkpoints": [4]},
        {"budget": 12, "checkpoints": [], "answer": "short"},
        {"budget": 100, "checkpoints": [], "answer": "short", "min_budget": 30},
        {"budget": 0, "checkpoints": []},
        {"budget": 12, "checkpoints": [], "logprobs": True, "top_logprobs": 1},
        {"budget": 12, "checkpoints": [], "structured_outputs": {"choice": ["yes", "no"]}},
    ],
    ids=lambda request: ", ".join(f"{name} {value}" for name, value in request.items()),
)
async def test_an_engine_that_dies_at_any_token_changes_nothing_of_what_is_told(request_):
    """Markers are several tokens here; in tests/chaos/test_deaths.py they are one."""
    engine, undisturbed = await run(request_, markers=LONG_MARKERS)
    for token in range(1, engine.generated + 1):
        died, events = await run(request_, dies_at=[token], markers=LONG_MARKERS)
        assert told(events) == told(undisturbed), f"died at token {token}"
        assert died.lives == 2
        resumed = [event for event in events if event.type == "reason.resumed"]
        assert [event.cause for event in resumed] == ["engine"] * len(resumed)


async def test_readers_are_told_that_a_session_goes_on(make):
    _, events = await run({"budget": 12, "checkpoints": []}, dies_at=[6])
    (resumed,) = [event for event in events if event.type == "reason.resumed"]
    assert resumed.cause == "engine"
    assert resumed.spent == 5
    assert resumed.downtime_ms >= 0


async def test_an_engine_that_dies_again_and_again_is_outlived_each_time():
    engine, undisturbed = await run({"budget": 12, "checkpoints": [4, 8]})
    _, events = await run({"budget": 12, "checkpoints": [4, 8]}, dies_at=range(1, 3 * engine.generated, 2))
    assert told(events) == told(undisturbed)


async def test_what_a_dead_engine_had_generated_beyond_the_log_is_counted_as_discarded():
    _, events = await run({"budget": 12, "checkpoints": []}, dies_at=[13])
    usage = events[-1].document.usage
    # The first token of the closing; the death came before its chunk did.
    assert (usage.thinking, usage.forced) == (12, len(".." + "x"))
    assert usage.discarded in (0, 1)


async def test_an_engine_that_does_not_come_back_fails_the_session_with_its_best_answer():
    class Lost(FakeEngine):
        async def alive(self):
            raise EngineError("the engine was restarted 5 times and is given up")

    engine = Lost(scripted(THINKING, ANSWER))
    engine.dies_at = {20}
    session = Reasoner(engine, fake_format(engine)).submit(ask(budget=24, checkpoints=[4]))
    document = await session.wait()
    assert document.status == "failed"
    assert document.error.type == "engine_error"
    assert "given up" in document.error.message
    assert document.answer.value == "1"


class Down(FakeEngine):
    """Stays down after its death."""

    async def alive(self):
        await asyncio.Event().wait()


async def test_a_deadline_that_passes_while_the_engine_is_down_ends_with_the_latest_interim_answer():
    engine = Down(scripted(THINKING, ANSWER), pause_s=0.001)
    engine.dies_at = {15}
    session = Reasoner(engine, fake_format(engine)).submit(ask(budget=24, checkpoints=[4], deadline_ms=400))
    document = await session.wait()
    assert (document.status, document.stop_reason) == ("completed", "deadline")
    assert document.answer.value == "1"
    assert not engine.active


async def test_a_deadline_is_kept_with_an_engine_that_hangs():
    engine, reasoner = fake()
    engine.pause_s = 0.001
    session = reasoner.submit(ask(budget=24, checkpoints=[4], deadline_ms=300))
    async for entry in session.log.read():
        if entry.type == "checkpoint.answer":
            engine.gate.clear()
    document = await session.wait()
    assert (document.status, document.stop_reason, document.answer.value) == ("completed", "deadline", "1")
    assert not engine.active


async def test_a_session_without_an_interim_answer_waits_for_its_engine_past_the_deadline():
    engine, reasoner = fake()
    engine.gate.clear()
    session = reasoner.submit(ask(budget=24, checkpoints=[], deadline_ms=20))
    await asyncio.sleep(1.5)
    assert not session.has_ended
    engine.gate.set()
    document = await session.wait()
    assert (document.status, document.stop_reason) == ("completed", "deadline")
    assert document.answer.text == ANSWER


async def test_a_structured_answer_that_comes_out_differently_fails_rather_than_contradict_itself():
    # The first 64 characters are held back, and what no reader has seen may come out differently.
    words = iter(["y" * 80, "n" * 80])

    def prefer(ids, seed):
        text = bytes(i for i in ids if i < 256).decode()
        if 258 not in ids:
            return [ord("x")]
        before = text.rpartition("..")[2]
        if not before:
            prefer.script = next(words)
        return [ord(prefer.script[len(before)])] if len(before) < len(prefer.script) else [256]

    engine = FakeEngine(prefer)
    engine.dies_at = {8 + 3 + 75}
    session = Reasoner(engine, fake_format(engine)).submit(
        ask(budget=8, checkpoints=[], structured_outputs={"regex": ".*"})
    )
    document = await session.wait()
    assert document.status == "failed"
    assert "structured" in document.error.message


@pytest.mark.parametrize("dies_at", range(1, 40, 3))
async def test_steering_and_a_death_at_once(dies_at):
    """An extension and an answer_now race with the death; the run is whole, and within what it was granted."""
    engine, reasoner = fake(thinking="0123456789" * 30)
    engine.dies_at = {dies_at, dies_at + 20}
    session = reasoner.submit(ask(budget=20, checkpoints=[]))
    steps = 0
    async for entry in session.log.read():
        steps += 1
        if steps == 2:
            reasoner.extend(session.id, 10, relative=True)
        if entry.type == "reason.resumed":
            session.answer_now()
    document = await session.wait()
    assert document.status == "completed"
    assert document.budget.spent <= document.budget.granted <= 30
    assert document.thinking == ("0123456789" * 30)[: document.budget.spent]
    terminals = [e for e in await events_of(session) if e.type == "reason.completed"]
    assert len(terminals) == 1


async def test_a_death_is_no_failure_of_the_session(make):
    assert issubclass(EngineDied, EngineError)
    event = EVENT_ADAPTER.validate_python(
        {"type": "reason.resumed", "sequence_number": 3, "cause": "engine", "spent": 4, "downtime_ms": 1.5}
    )
    assert event.spent == 4
