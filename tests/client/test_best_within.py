"""The best answer within a time: whole if the server makes it, else the newest interim one, else a clear error."""

import asyncio
import socket

import pytest

from anytime_client import APIConnectionError, ConfigurationError, InvalidRequestError, NoAnswerError, ReasonFailedError
from anytime_client._best_within import TimePlan
from api.test_reason import until
from client.conftest import TRANSCRIPTS
from client.replay import replaying

SLOW = {"thinking": "a; " * 1000, "pause_s": 0.002}


async def test_a_quick_answer_is_returned_as_it_is(served, connect):
    async with served() as (server, engine), connect(server) as client:
        document = await client.best_within("count", seconds=20)
        assert (document.status, document.stop_reason) == ("completed", "natural")
        assert document.answer.value == "4"
        assert not engine.active


async def test_a_budget_by_another_name_is_the_budget(served, connect):
    async with served() as (server, _), connect(server) as client:
        document = await client.best_within("count", seconds=20, thinking_budget=4)
        assert (document.budget.granted, document.stop_reason) == (4, "budget")


async def test_the_server_answers_by_its_deadline(served, connect):
    async with served(**SLOW) as (server, engine), connect(server) as client:
        document = await client.best_within("count", seconds=20, deadline_ms=300)
        assert (document.status, document.stop_reason) == ("completed", "deadline")
        assert document.answer.value.isdigit()
        assert not engine.active


async def test_at_the_limit_the_newest_interim_answer_is_taken_and_the_session_cancelled(served, connect):
    async with served(**SLOW) as (server, engine), connect(server) as client:
        document = await client.best_within("count", seconds=2, deadline_ms=60_000, checkpoints={"every": 10})
        # A busy machine may need longer for the cancel than the call has left.
        assert document.status in ("cancelled", "running")
        assert document.answer.text == document.checkpoints[-1].answer
        await until(lambda: not engine.active)
        assert (await client.get(document.id)).status == "cancelled"


async def test_a_session_in_the_background_thinks_on(served, connect):
    async with served(**SLOW) as (server, engine), connect(server) as client:
        document = await client.best_within(
            "count", seconds=1, deadline_ms=60_000, checkpoints={"every": 10}, background=True
        )
        assert document.status == "running"
        assert document.answer.text == document.checkpoints[-1].answer
        assert (await client.cancel(document.id)).status == "cancelled"
        assert not engine.active


async def test_no_answer_at_all_is_an_error_that_names_the_time(served, connect):
    async with served(**SLOW) as (server, engine), connect(server) as client:
        engine.gate.clear()
        with pytest.raises(NoAnswerError, match="no answer within 1 s") as failure:
            await client.best_within("count", seconds=1)
        assert isinstance(failure.value, TimeoutError)
        assert failure.value.best_answer is None
        engine.gate.set()


async def test_a_server_that_is_not_there_in_time_is_the_reason_that_is_told(connect):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with connect(f"http://127.0.0.1:{closed.getsockname()[1]}", max_retries=1000) as client:
            with pytest.raises(NoAnswerError, match=r"no answer within 0.2 s: can't connect") as failure:
                await client.best_within("count", seconds=0.2)
    assert isinstance(failure.value.__cause__, APIConnectionError)


async def test_a_failure_before_the_first_answer_is_raised_as_what_it_was(served, connect):
    async with served(**SLOW) as (server, engine), connect(server) as client:
        engine.gate.clear()
        asking = asyncio.ensure_future(client.best_within("count", seconds=30))
        await until(lambda: engine.active)
        engine.dead = True
        engine.gate.set()
        with pytest.raises(ReasonFailedError, match="down"):
            await asking


async def test_a_refusal_is_raised(served, connect):
    async with served() as (server, _), connect(server) as client:
        with pytest.raises(InvalidRequestError, match="top_p"):
            await client.best_within("count", seconds=5, top_p=7)


async def test_a_lost_server_costs_no_answer_that_was_there(connect):
    with replaying() as replay:
        replay.load(TRANSCRIPTS["natural"], [2300], chunked=False, forgets=True)
        async with connect(replay.url) as client:
            document = await client.best_within("count", seconds=20)
    assert (document.status, document.answer.value) == ("running", "42")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
async def test_the_time_must_be_positive(connect, seconds):
    async with connect("http://server") as client:
        with pytest.raises(ConfigurationError, match="seconds"):
            await client.best_within("count", seconds=seconds)


@pytest.mark.parametrize("seconds", [0.001, 0.2, 1, 5, 600])
def test_the_server_gets_nearly_all_of_the_time(seconds):
    plan = TimePlan(seconds)
    assert 0 < plan.deadline_ms / 1000 < max(plan.patience_s, 0.002)
    assert plan.patience_s < seconds
    assert plan.deadline_ms / 1000 >= min(0.8 * seconds, seconds - 0.5) - 0.001


def test_what_the_caller_asks_for_wins():
    assert TimePlan(5).fields({"answer": "full", "budget": 7}) == {
        "deadline_ms": 4500,
        "budget": 7,
        "checkpoints": {"geometric": 2},
        "answer": "full",
    }
