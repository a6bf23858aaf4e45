import asyncio

import pytest


@pytest.mark.parametrize(
    ("body", "param"),
    [({"prompt": "x" * 50}, "prompt"), ({"messages": [{"role": "user", "content": "x" * 50}]}, "messages")],
)
async def test_a_prompt_over_the_servers_limit_is_refused(served, body, param):
    async with served(max_prompt_tokens=50) as (client, engine):
        response = await client.post("/reason?budget=4", json=body)
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (422, param)
        assert "this server takes 50: shorten it" in error["message"]
        assert engine.requests == []
        assert (await client.post("/reason?budget=4", json={"prompt": "x"})).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_answer_head(served, path):
    async with served() as (client, engine):
        head, get = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
        engine.dead = True
        assert (await client.head("/readyz")).status_code == 503


async def test_all_bodies_together_are_bounded_and_free_their_room_when_they_are_answered(served):
    async with served(app={"max_body_bytes": 1000}, pause_s=0.001) as (client, engine):
        engine.gate.clear()
        body = {"prompt": "x" * 800, "budget": 4, "checkpoints": []}
        held = [asyncio.ensure_future(client.post("/reason", json=body)) for _ in range(70)]
        async with asyncio.timeout(30):
            while len(engine.active) < 70:
                await asyncio.sleep(0.01)
        for _ in range(12):
            assert (await client.post("/reason", json={**body, "background": True})).status_code == 202
        more = [asyncio.ensure_future(client.post("/reason", json=body)) for _ in range(12)]
        first = (await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED, timeout=30))[0].pop().result()
        assert (first.status_code, first.headers["retry-after"]) == (429, "1")
        engine.gate.set()
        await asyncio.gather(*held, *more)
        assert (await client.post("/reason", json=body)).status_code == 200
