import asyncio

import pytest

from anytime_server.errors import Conflict
from anytime_server.reasoning.deadlines.deadline import Deadline
from reasoning.conftest import ask, events_of


class Clock:
    """The running loop's clock, for the time in which a test does not await."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


@pytest.fixture
async def clock():
    with pytest.MonkeyPatch.context() as patch:
        yield Clock(patch)


@pytest.mark.parametrize(
    ("answer_tokens", "closed_at"),
    [
        (0, 10.0),  # nothing to keep: at the deadline
        (20, 8.0),  # 20 tokens of 0.1 s
        (500, 5.0),  # half of the time at the most
    ],
)
async def test_thinking_is_closed_when_just_the_time_to_answer_is_left(clock, answer_tokens, closed_at):
    closings = []
    deadline = Deadline(10.0, lambda: closings.append(clock.now), lambda pace: answer_tokens * pace)
    for thought in range(1, 102):
        deadline.observe(thought)
        if closings:
            break
        clock.now = thought * 0.1
    assert closings[0] == pytest.approx(closed_at, abs=0.11)
    deadline.lift()


async def test_time_in_the_queue_does_not_count_as_slow_thinking(clock):
    closings = []
    deadline = Deadline(10.0, lambda: closings.append(clock.now), lambda pace: 10 * pace)
    clock.now = 4.0
    for thought in range(1, 40):
        deadline.observe(thought)
        clock.now += 0.1
    assert not closings
    deadline.lift()


async def test_a_deadline_that_was_lifted_closes_nothing(clock):
    closings = []
    deadline = Deadline(1.0, lambda: closings.append(clock.now), lambda pace: 10 * pace)
    deadline.lift()
    clock.now = 5.0
    deadline.observe(100)
    assert not closings
    assert not deadline.passed


async def test_a_session_answers_because_of_its_deadline(make):
    _, reasoner = make(thinking="x" * 3500, pause_s=0.002)
    session = reasoner.submit(ask(budget=3000, deadline_ms=300, checkpoints=[10]))
    document = await session.wait()
    assert (document.status, document.stop_reason) == ("completed", "deadline")
    assert 10 <= document.budget.spent < 3000
    assert document.answer.value == "4"


async def test_an_engine_that_gives_no_token_before_the_deadline_answers_without_thinking_on(make):
    engine, reasoner = make(thinking="x" * 3500)
    engine.gate.clear()
    session = reasoner.submit(ask(budget=3000, deadline_ms=50))
    await asyncio.sleep(0.1)
    engine.gate.set()
    document = await session.wait()
    assert document.stop_reason == "deadline"
    assert document.budget.spent <= 1


async def test_thinking_that_ends_before_the_deadline_is_left_alone(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=100, deadline_ms=600_000))
    assert (await session.wait()).stop_reason == "natural"


async def test_an_extension_after_the_deadline_waits_for_the_end_and_has_none(make):
    engine, reasoner = make(thinking="x" * 3500, pause_s=0.001)
    engine.gate.clear()
    session = reasoner.submit(ask(budget=1000, deadline_ms=50, checkpoints=[]))
    await asyncio.sleep(0.1)
    with pytest.raises(Conflict, match="deadline has passed"):
        reasoner.extend(session.id, 50, relative=True)
    engine.gate.set()
    first = await session.wait()
    reasoner.extend(session.id, 300, relative=True)
    second = await session.wait()
    assert (second.stop_reason, second.budget.spent) == ("budget", first.budget.spent + 300)
    assert [event.type for event in await events_of(session)].count("reason.completed") == 2
