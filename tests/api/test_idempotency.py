"""What counts as the same request under an Idempotency-Key."""

import pytest

ASK = {"prompt": "count", "budget": 12}
KEY = {"Idempotency-Key": "once"}


async def test_an_empty_key_is_no_key(served):
    async with served() as (client, _):
        first = await client.post("/reason", json=ASK, headers={"Idempotency-Key": ""})
        second = await client.post("/reason", json={**ASK, "budget": 5}, headers={"Idempotency-Key": ""})
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json()["id"] != second.json()["id"]
        id = first.json()["id"]
        for _ in range(2):
            extended = await client.post(f"/reason/{id}/extend?budget=+2", headers={"Idempotency-Key": ""})
            assert extended.status_code == 200


@pytest.mark.parametrize(
    "streamed", [{"json": {**ASK, "stream": True}}, {"json": ASK, "headers": {"Accept": "text/event-stream"}}]
)
async def test_how_the_session_is_read_is_no_part_of_the_request(served, streamed):
    async with served() as (client, _):
        document = (await client.post("/reason", json=ASK, headers=KEY)).json()
        again = await client.post("/reason", json=streamed["json"], headers={**KEY, **streamed.get("headers", {})})
        assert again.status_code == 200
        assert document["id"] in again.text
        explicit = await client.post("/reason", json={**ASK, "stream": False}, headers=KEY)
        assert explicit.json()["id"] == document["id"]


async def test_other_names_and_forms_of_the_same_are_the_same(served):
    async with served() as (client, _):
        bodies = [
            {"prompt": "count", "budget": 12, "checkpoints": {"every": 5}},
            {"prompt": "count", "thinking_budget": 12, "checkpoints": "every:5"},
        ]
        ids = {(await client.post("/reason", json=body, headers=KEY)).json()["id"] for body in bodies}
        assert len(ids) == 1
        other = await client.post("/reason", json={**bodies[0], "budget": 13}, headers=KEY)
        assert other.status_code == 409
