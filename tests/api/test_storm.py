import asyncio
import random

import httpx

from live import read_events

STREAMS = 60


async def ask_and_maybe_leave(client, seed):
    chance = random.Random(seed)
    leaves = seed % 2 == 0
    body = {"prompt": f"q{seed}", "budget": 60, "stream": True}
    async with client.stream("POST", "/reason", json=body) as response:
        assert response.status_code == 200
        # Whatever is coalesced, the thinking is seen to reach its 60 tokens before the end.
        patience = chance.randrange(0, 61)
        async for event in read_events(response):
            if leaves and event.data.get("spent", 0) >= patience:
                return "left"
            if event.event.startswith("reason.") and event.event != "reason.created":
                return event.event
    return "cut"


async def test_sixty_streams_half_of_them_dropped_leave_nothing_behind(served):
    async with served(thinking="x; " * 40, pause_s=0.001, max_sessions=STREAMS) as (client, engine):
        outcomes = await asyncio.gather(*(ask_and_maybe_leave(client, seed) for seed in range(STREAMS)))
        assert outcomes.count("left") == STREAMS // 2
        assert outcomes.count("reason.completed") == STREAMS // 2
        async with asyncio.timeout(5):
            while engine.active:
                await asyncio.sleep(0.01)
        metrics = await metrics_of(client)
        assert metrics["anytime_sessions_in_flight"] == 0
        assert sum(value for name, value in metrics.items() if name.startswith("anytime_sessions_total")) == STREAMS
        tokens = sum(value for name, value in metrics.items() if name.startswith("anytime_tokens_total"))
        # Of a dropped request, the token in hand at each of its streams (trunk and branches) was never read.
        assert engine.generated - STREAMS // 2 * 5 <= tokens <= engine.generated


async def metrics_of(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}
