import asyncio

import httpx
import pytest

from live import read_events

ASK = {"prompt": "count"}


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def sample(client, name):
    text = (await client.get("/metrics")).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


async def test_a_document(served):
    async with served() as (client, _):
        response = await client.post("/reason?budget=12", json=ASK)
        document = response.json()
        assert response.status_code == 200
        assert document["stop_reason"] == "budget"
        assert document["budget"] == {"requested": 12, "granted": 12, "spent": 12, "limited_by": None}
        assert document["answer"]["value"] == "4"
        assert response.headers["x-request-id"]
        assert (await client.get(f"/reason/{document['id']}")).json() == document


@pytest.mark.parametrize("how", [{"headers": {"accept": "text/event-stream"}}, {"params": {"stream": "true"}}, {}])
async def test_a_stream_says_what_happens_as_it_happens(served, how):
    body = ASK if how else {**ASK, "stream": True}
    async with served(pause_s=0.002) as (client, _):
        params = {"budget": 20, **how.pop("params", {})}
        async with client.stream("POST", "/reason", params=params, json=body, **how) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-cache"
            assert response.headers["x-accel-buffering"] == "no"
            seen = [event async for event in read_events(response)]
    assert [event.id for event in seen] == list(range(1, len(seen) + 1))
    assert all(event.event == event.data["type"] and event.id == event.data["sequence_number"] for event in seen)
    assert seen[0].event == "reason.created"
    assert seen[-1].event == "reason.completed"
    assert {"thinking.delta", "checkpoint.answer", "answer.delta"} <= {event.event for event in seen}


@pytest.mark.parametrize(
    ("accept", "streamed"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0.9, application/json;q=0.5", True),
        ("text/event-stream;q=0.5, */*; Q=0.1", True),
        ("text/event-stream;q=0, application/json", False),
        ("text/event-stream;q=0.0", False),
        ("application/json, text/event-stream; q=0.5", False),
        ("text/event-stream;q=0.5, */*", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_accept_says_which_of_stream_and_document_is_preferred(served, accept, streamed):
    async with served() as (client, _):
        response = await client.post("/reason?budget=2", json=ASK, headers={"accept": accept})
        media_type = "text/event-stream" if streamed else "application/json"
        assert response.headers["content-type"].startswith(media_type)


async def test_an_accept_of_several_headers_is_one_list(served):
    accept = [("accept", "application/json;q=0.5"), ("accept", "text/event-stream")]
    async with served() as (client, _):
        response = await client.post("/reason?budget=2", json=ASK, headers=accept)
        assert response.headers["content-type"].startswith("text/event-stream")


async def test_events_arrive_before_the_session_ends(served):
    async with served(thinking="x" * 3000) as (client, engine):
        async with client.stream("POST", "/reason", params={"budget": 2000}, json={**ASK, "stream": True}) as response:
            events = read_events(response)
            await anext(events)
            while (await anext(events)).event != "thinking.delta":
                pass
            engine.gate.clear()
            assert engine.active
            engine.gate.set()
            last = [event async for event in events][-1]
        assert last.event == "reason.completed"


async def test_dropping_the_stream_cancels_the_session_and_frees_the_engine(served):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine):
        async with client.stream("POST", "/reason", params={"budget": 2900}, json={**ASK, "stream": True}) as response:
            created = await anext(read_events(response))
        await until(lambda: not engine.active)
        document = (await client.get(f"/reason/{created.data['id']}")).json()
        assert document["status"] == "cancelled"
        assert await sample(client, "anytime_sessions_in_flight") == 0


async def test_dropping_a_plain_request_cancels_it_too(served):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/reason?budget=2900", json=ASK, timeout=0.2)
        await until(lambda: not engine.active)
        assert engine.generated < 2900


async def test_a_background_session_outlives_its_connection_and_can_be_read_from_any_event(served):
    async with served(pause_s=0.002) as (client, _):
        body = {**ASK, "background": True, "stream": True, "budget": 20}
        async with client.stream("POST", "/reason", json=body) as response:
            created = await anext(read_events(response))
        path = f"/reason/{created.data['id']}/events"
        async with client.stream("GET", path, headers={"Last-Event-ID": "1"}) as response:
            rest = [event async for event in read_events(response)]
        assert [event.id for event in rest] == list(range(2, len(rest) + 2))
        assert rest[-1].event == "reason.completed"
        async with client.stream("GET", path, params={"starting_after": 3}) as response:
            again = [event async for event in read_events(response)]
        assert again == rest[2:]


async def test_a_reconnecting_reader_goes_on_after_its_last_event_and_stops_at_the_end(served):
    async with served() as (client, _):
        document = (await client.post("/reason?budget=12", json=ASK)).json()
        path, last = f"/reason/{document['id']}/events?starting_after=1", document["last_sequence_number"]
        async with client.stream("GET", path, headers={"Last-Event-ID": str(last - 1)}) as response:
            assert [event.id async for event in read_events(response)] == [last]
        assert (await client.get(path, headers={"Last-Event-ID": str(last)})).status_code == 204


async def test_quiet_streams_are_kept_awake_by_comments(served, monkeypatch):
    monkeypatch.setattr("anytime_server.api.sse.HEARTBEAT_S", 0.05)
    async with served() as (client, engine):
        engine.gate.clear()
        async with client.stream("POST", "/reason", json={**ASK, "stream": True}) as response:
            comments = (line async for line in response.aiter_lines() if line.startswith(":"))
            async with asyncio.timeout(5):
                assert (await anext(comments)).startswith(": ping")
            engine.gate.set()


async def test_background_without_a_stream_returns_at_once(served):
    async with served(pause_s=0.002) as (client, _):
        response = await client.post("/reason", json={**ASK, "background": True, "budget": 20})
        assert (response.status_code, response.json()["status"]) == (202, "running")
        await client.get(f"/reason/{response.json()['id']}/events")
        assert (await client.get(f"/reason/{response.json()['id']}")).json()["status"] == "completed"


async def test_dropping_a_reader_of_events_cancels_nothing(served):
    async with served(thinking="x" * 200, pause_s=0.001) as (client, _):
        started = (await client.post("/reason", json={**ASK, "background": True, "budget": 150})).json()
        async with client.stream("GET", f"/reason/{started['id']}/events") as response:
            await anext(read_events(response))
        await client.get(f"/reason/{started['id']}/events")
        assert (await client.get(f"/reason/{started['id']}")).json()["status"] == "completed"


async def test_answer_now_ends_the_thinking_of_an_open_stream(served):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, _):
        async with client.stream("POST", "/reason", params={"budget": 2900}, json={**ASK, "stream": True}) as response:
            events = read_events(response)
            id = (await anext(events)).data["id"]
            assert (await client.post(f"/reason/{id}/answer_now")).status_code == 200
            last = [event async for event in events][-1]
        assert last.data["document"]["stop_reason"] == "answer_now"
        again = await client.post(f"/reason/{id}/answer_now")
        assert again.json() == last.data["document"]


async def test_a_running_session_is_extended_in_its_stream(served):
    async with served(thinking="0123456789" * 20, pause_s=0.001) as (client, _):
        async with client.stream("POST", "/reason", params={"budget": 60}, json={**ASK, "stream": True}) as response:
            events = read_events(response)
            id = (await anext(events)).data["id"]
            for _ in range(2):
                response = await client.post(f"/reason/{id}/extend?budget=+40", headers={"Idempotency-Key": "k"})
            assert response.json()["budget"]["granted"] == 100
            seen = [event async for event in events]
        assert seen[-1].data["document"]["thinking"] == "0123456789" * 10
        assert [event.event for event in seen].count("budget.changed") == 1


async def test_an_ended_session_is_extended_in_the_background(served):
    async with served() as (client, _):
        first = (await client.post("/reason?budget=8", json=ASK)).json()
        more = (await client.post(f"/reason/{first['id']}/extend", params={"budget": "16"})).json()
        assert more["status"] == "running"
        async with client.stream(
            "GET", f"/reason/{first['id']}/events", params={"starting_after": first["last_sequence_number"]}
        ) as response:
            seen = [event async for event in read_events(response)]
        assert (seen[0].event, seen[-1].event) == ("budget.changed", "reason.completed")
        assert seen[-1].data["document"]["budget"]["spent"] == 16


async def test_a_budget_can_not_be_extended_downwards(served):
    async with served() as (client, _):
        first = (await client.post("/reason?budget=8", json=ASK)).json()
        response = await client.post(f"/reason/{first['id']}/extend?budget=4")
        assert (response.status_code, response.json()["error"]["param"]) == (409, "budget")
        response = await client.post(f"/reason/{first['id']}/extend?budget=-4")
        assert (response.status_code, response.json()["error"]["param"]) == (422, "budget")


async def test_deleting_is_idempotent(served):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine):
        started = (await client.post("/reason", json={**ASK, "background": True})).json()
        for _ in range(2):
            response = await client.delete(f"/reason/{started['id']}")
            assert (response.status_code, response.json()["status"]) == (200, "cancelled")
        assert engine.active == set()


async def test_a_failed_session_is_a_503_with_the_document(served):
    async with served(thinking="x" * 300, pause_s=0.001) as (client, engine):
        asking = asyncio.ensure_future(client.post("/reason?budget=200", json=ASK))
        await until(lambda: engine.active)
        engine.dead = True
        response = await asking
        assert response.status_code == 503
        assert (response.json()["status"], response.json()["error"]["type"]) == ("failed", "engine_error")
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_too_many_sessions_are_refused_with_retry_after(served):
    async with served(max_sessions=1) as (client, engine):
        engine.gate.clear()
        await client.post("/reason", json={**ASK, "background": True})
        response = await client.post("/reason", json=ASK)
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
        assert response.json()["error"]["type"] == "overloaded_error"
        engine.gate.set()


async def test_aliases_of_the_budget_in_body_and_query(served):
    async with served() as (client, _):
        for alias in ("thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "max_thinking_tokens"):
            in_body = (await client.post("/reason", json={**ASK, alias: 7})).json()
            in_query = (await client.post(f"/reason?{alias}=7", json=ASK)).json()
            assert in_body["budget"]["requested"] == in_query["budget"]["requested"] == 7


async def test_metrics_add_up(served):
    async with served() as (client, engine):
        for _ in range(3):
            await client.post("/reason?budget=12", json=ASK)
        assert await sample(client, 'anytime_sessions_total{status="completed",stop_reason="budget"}') == 3
        assert await sample(client, "anytime_tokens_total") == engine.generated
        assert await sample(client, "anytime_prompt_tokens_total") == engine.prefilled
        assert await sample(client, "anytime_first_answer_seconds_count") == 3
        assert await sample(client, 'anytime_engine_requests{state="running"}') == 0


async def test_the_client_may_name_its_request(served):
    async with served() as (client, _):
        response = await client.get("/reason/nope", headers={"X-Request-Id": "mine-1"})
        assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "mine-1"
        response = await client.get("/reason/nope", headers={"X-Request-Id": "x" * 500})
        assert response.headers["x-request-id"].startswith("req_")
