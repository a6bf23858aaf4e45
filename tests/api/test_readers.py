"""A session lives as long as somebody reads it, or somebody may come back."""

import asyncio

import pytest

from api.test_reason import ASK, until
from live import read_events

LONG = {"thinking": "x" * 3000, "pause_s": 0.001}


async def status(client, id):
    return (await client.get(f"/reason/{id}")).json()["status"]


async def begin_and_drop(client, **fields):
    async with client.stream("POST", "/reason", json={**ASK, "stream": True, **fields}) as response:
        return (await anext(read_events(response))).data["id"]


async def test_a_dropped_stream_goes_on_where_it_was_within_its_grace(served):
    async with served(**LONG) as (client, engine):
        id = await begin_and_drop(client, budget=300, grace_ms=60_000)
        await asyncio.sleep(0.05)
        assert await status(client, id) == "running"
        async with client.stream("GET", f"/reason/{id}/events", headers={"Last-Event-ID": "1"}) as response:
            seen = [event async for event in read_events(response)]
        assert [event.id for event in seen] == list(range(2, len(seen) + 2))
        assert seen[-1].event == "reason.completed"
        assert not engine.active


async def test_without_a_reader_for_the_grace_the_session_is_cancelled(served):
    async with served(**LONG) as (client, engine):
        id = await begin_and_drop(client, budget=2900, grace_ms=100)
        await until(lambda: not engine.active)
        assert await status(client, id) == "cancelled"


async def test_the_last_reader_to_leave_ends_the_session_whichever_it_is(served):
    async with served(**LONG) as (client, engine):
        body = {**ASK, "stream": True, "budget": 2900}
        async with client.stream("POST", "/reason", json=body) as first:
            # Kept, since a generator that is collected closes its response.
            first_events = read_events(first)
            id = (await anext(first_events)).data["id"]
            async with client.stream("GET", f"/reason/{id}/events") as second:
                events = read_events(second)
                await anext(events)
                await first.aclose()
                await asyncio.sleep(0.05)
                assert await status(client, id) == "running"
        await until(lambda: not engine.active)
        assert await status(client, id) == "cancelled"


async def test_the_same_idempotency_key_reads_the_session_it_began(served):
    async with served() as (client, engine):
        headers = {"Idempotency-Key": "once"}
        body = {**ASK, "budget": 12}
        first, second = await asyncio.gather(*(client.post("/reason", json=body, headers=headers) for _ in range(2)))
        assert first.json() == second.json()
        async with client.stream("POST", "/reason?stream=false", json=body, headers=headers) as response:
            await response.aread()
            assert response.json() == first.json()
        assert len([r for r in engine.requests if not r.thinking.closed]) == 1


async def test_a_stream_sent_again_under_its_key_begins_with_the_first_event(served):
    async with served(**LONG) as (client, _):
        headers = {"Idempotency-Key": "again"}
        body = {**ASK, "budget": 100, "stream": True, "grace_ms": 60_000}
        async with client.stream("POST", "/reason", json=body, headers=headers) as response:
            id = (await anext(read_events(response))).data["id"]
        async with client.stream("POST", "/reason", json=body, headers=headers) as response:
            seen = [event async for event in read_events(response)]
        assert (seen[0].id, seen[0].data["id"], seen[-1].event) == (1, id, "reason.completed")


async def give_up(client, engine, body, headers):
    engine.gate.clear()
    asking = asyncio.ensure_future(client.post("/reason", json=body, headers=headers))
    await until(lambda: engine.active)
    asking.cancel()
    await asyncio.wait([asking])


async def test_a_request_that_timed_out_is_found_by_its_key_within_its_grace(served):
    async with served(**LONG) as (client, engine):
        body, headers = {**ASK, "budget": 300, "checkpoints": [], "grace_ms": 60_000}, {"Idempotency-Key": "patient"}
        await give_up(client, engine, body, headers)
        engine.gate.set()
        document = (await client.post("/reason", json=body, headers=headers)).json()
        assert document["status"] == "completed"
        assert len(engine.requests) == 1


async def test_a_request_whose_session_was_abandoned_begins_anew_under_its_key(served):
    async with served(**LONG, kept_sessions=1) as (client, engine):
        body, headers = {**ASK, "budget": 300, "checkpoints": []}, {"Idempotency-Key": "impatient"}
        await give_up(client, engine, body, headers)
        await until(lambda: not engine.active)
        engine.gate.set()
        abandoned = engine.requests[0].request_id.partition(".")[0]
        again = (await client.post("/reason", json=body, headers=headers)).json()
        assert (again["status"], again["id"] != abandoned) == ("completed", True)
        # Its end has dropped the abandoned one, but not the key.
        assert (await client.get(f"/reason/{abandoned}")).status_code == 404
        assert (await client.post("/reason", json=body, headers=headers)).json()["id"] == again["id"]


async def test_another_request_under_a_used_key_is_a_conflict(served):
    async with served() as (client, _):
        headers = {"Idempotency-Key": "taken"}
        await client.post("/reason?budget=12", json=ASK, headers=headers)
        response = await client.post("/reason?budget=13", json=ASK, headers=headers)
        assert (response.status_code, response.json()["error"]["param"]) == (409, "Idempotency-Key")


async def test_a_key_is_forgotten_with_its_session(served):
    async with served(kept_sessions=1) as (client, _):
        headers = {"Idempotency-Key": "old"}
        first = (await client.post("/reason?budget=12", json=ASK, headers=headers)).json()
        await client.post("/reason?budget=12", json=ASK)
        again = (await client.post("/reason?budget=12", json=ASK, headers=headers)).json()
        assert again["id"] != first["id"]


@pytest.mark.parametrize(
    ("fields", "reason"), [({}, "stop"), ({"max_answer_tokens": 5}, "length"), ({"stop": "Answer"}, "stop")]
)
async def test_an_answer_says_whether_it_is_whole(served, fields, reason):
    async with served() as (client, _):
        document = (await client.post("/reason", json={**ASK, **fields})).json()
        assert document["answer"]["finish_reason"] == reason
