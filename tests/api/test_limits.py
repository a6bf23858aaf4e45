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
