"""The load balancer in front of servers, and the readers behind it, on real sockets with a fake engine."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from anytime_server.api import ServerSettings, create_app
from anytime_server.reasoning import ReasonSettings
from chaos_parts.front import Front, fronting
from chaos_parts.readers import Wire, read_session
from chaos_parts.scenario import SessionPlan, Steer
from chaos_parts.transcript import Transcript
from fakes import FakeEngine, scripted
from live import serve

THINKING = "".join(f"{step};" for step in range(40))
BODY = {"prompt": "count", "budget": 100, "checkpoints": [20, 60], "grace_ms": 30_000, "temperature": 0}


@asynccontextmanager
async def fronted(cuts: dict[str, tuple[int, ...]], seed: int = 1) -> AsyncIterator[tuple[Front, Wire]]:
    engine = FakeEngine(scripted(THINKING, "Done: 40"), pause_s=0.001)
    app = create_app(engine, ReasonSettings(flush_s=0.005), ServerSettings())
    async with serve(app) as client, fronting([client.base_url.port], seed, cuts) as front:
        yield front, Wire(f"http://127.0.0.1:{front.port}")


async def read(plan: SessionPlan, wire: Wire) -> Transcript:
    transcript = Transcript(plan.name)

    async def wait(condition) -> None:
        while not condition():
            await asyncio.sleep(0.001)

    async with asyncio.timeout(60):
        await read_session(plan, wire, transcript, wait, lambda: transcript.spent)
    return transcript


@pytest.mark.parametrize("reader", ["strict", "sdk"])
async def test_a_reader_gets_a_whole_log_over_connections_that_are_cut_at_any_byte(reader: str) -> None:
    rng = random.Random(3)
    plan = SessionPlan("s", "greedy", BODY, reader, cuts=(1, *(rng.randrange(100, 1500) for _ in range(4))))
    async with fronted({"s": plan.cuts}) as (front, wire):
        transcript = await read(plan, wire)
    assert front.cut == 5
    assert transcript.violations == []
    assert transcript.ends == 1
    assert transcript.document is not None and transcript.document["budget"]["spent"] == 100
    assert [event["sequence_number"] for event in transcript.events] == list(range(1, transcript.last + 1))
    if reader == "strict":
        assert transcript.broken == 5


async def test_a_background_session_is_read_from_its_first_event_later() -> None:
    body = {**BODY, "background": True, "grace_ms": 0}
    async with fronted({}) as (_, wire):
        transcript = await read(SessionPlan("s", "background", body), wire)
    assert (transcript.violations, transcript.ends) == ([], 1)


async def test_an_ended_session_is_extended_and_read_to_its_second_end() -> None:
    plan = SessionPlan("s", "extended", BODY, steer=Steer("extend", None, 105), cuts=(700,))
    async with fronted({"s": plan.cuts}) as (_, wire):
        transcript = await read(plan, wire)
    assert (transcript.violations, transcript.ends) == ([], 2)
    assert transcript.document is not None and transcript.document["budget"]["spent"] == 105


async def test_a_running_session_is_steered_once_so_much_of_it_was_seen() -> None:
    plan = SessionPlan("s", "answer_now", BODY, steer=Steer("answer_now", 30))
    async with fronted({}) as (_, wire):
        transcript = await read(plan, wire)
    assert transcript.document is not None and transcript.document["stop_reason"] == "answer_now"
    assert 30 <= transcript.document["budget"]["spent"] < 100


async def test_a_server_that_does_not_answer_its_health_check_loses_its_connections() -> None:
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(3600), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with fronting([port], 1, {}) as front, httpx.AsyncClient(timeout=30) as client:
        with pytest.raises(httpx.TransportError) as failure:
            await client.get(f"http://127.0.0.1:{front.port}/reason/x")
    assert not isinstance(failure.value, httpx.TimeoutException)
    silent.close()
