"""The remote engine in front of two `anytime worker` processes with the embedded model."""

import asyncio
import os
import signal
from contextlib import ExitStack

import httpx
import pytest

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.choice import EMBEDDED, create_engine
from anytime_server.errors import EngineDied
from anytime_server.reasoning import Reasoner
from engines.remote.processes import worker_process
from engines.remote.test_engine import IDLE, generate, request, tokens_of

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def workers(forks):
    with ExitStack() as running:
        both = [running.enter_context(worker_process(forks, ANYTIME_API_KEYS=KEY)) for _ in range(2)]
        for one in both:
            one.wait()
        yield both


@pytest.fixture(scope="module")
async def engine(workers):
    engine = create_engine("remote", EMBEDDED, urls=[one.url for one in workers], api_key=KEY)
    await engine.start()
    yield engine
    await engine.stop()


async def test_the_worker_tells_what_it_is(workers, engine):
    async with httpx.AsyncClient(base_url=workers[0].url) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 401
        card = (await client.get("/v1/models", headers={"Authorization": f"Bearer {KEY}"})).json()["data"][0]
    assert card["id"] == EMBEDDED
    assert (engine.limits.max_model_len, engine.limits.block_size) == (card["max_model_len"], 16)
    assert "structured_outputs" in engine.unsupported


async def test_a_worker_stopped_in_the_middle_costs_a_leg_and_no_token(workers):
    engine = create_engine("remote", EMBEDDED, urls=[one.url for one in workers], api_key=KEY, stall_s=2)
    await engine.start()
    fields = {"budget": 150, "max_tokens": 200, "session_id": "s"}
    stopped = None
    try:
        whole = tokens_of(await generate(engine, request(engine, **fields)))
        seen = []
        with pytest.raises(EngineDied, match="it hangs"):
            async for chunk in engine.generate(request(engine, **fields)):
                seen += chunk.token_ids
                if len(seen) >= 20 and stopped is None:
                    home = engine._servers.placement.seat("s").upstream.url
                    stopped = next(one for one in workers if one.url == home)
                    os.kill(stopped.process.pid, signal.SIGSTOP)
        assert seen == whole[: len(seen)]
        assert tokens_of(await generate(engine, request(engine, **fields))) == whole
    finally:
        if stopped is not None:
            os.kill(stopped.process.pid, signal.SIGCONT)
        await engine.stop()


async def test_a_worker_killed_in_the_middle_costs_a_leg_and_no_token(workers, engine):
    """Last of this file's: one of the two is gone behind it."""
    fields = {"budget": 150, "max_tokens": 200, "session_id": "s"}
    whole = tokens_of(await generate(engine, request(engine, **fields)))
    seen = []
    with pytest.raises(EngineDied):
        async for chunk in engine.generate(request(engine, **fields)):
            seen += chunk.token_ids
            if len(seen) >= 20:
                home = engine._servers.placement.seat("s").upstream.url
                victim = next(one for one in workers if one.url == home)
                os.kill(victim.process.pid, signal.SIGKILL)
    assert 20 <= len(seen) < len(whole)
    assert seen == whole[: len(seen)]
    async with asyncio.timeout(1):
        await engine.alive()
    assert tokens_of(await generate(engine, request(engine, **fields))) == whole
    await engine.check_health()
    assert engine.load() == IDLE
    document = await Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer)).submit(_ask()).wait()
    assert document.status == "completed"


def _ask():
    from anytime_client.protocol import ReasonRequest

    return ReasonRequest(prompt="largest of 37+48, 9*8, 91-16", budget=40, temperature=0.0)
