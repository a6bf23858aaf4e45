"""Two servers over one Redis, by HTTP: whichever is asked answers."""

import asyncio
import contextlib
import secrets

import pytest

from anytime_server.api import ServerSettings, create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.errors import Unavailable
from anytime_server.reasoning import ReasonSettings
from anytime_server.reasoning.stores.redis import RedisStore
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import read_events, serve
from redis_reasoners import ANSWER, CALM, THINKING
from redis_replicas import until

ASK = {"prompt": "count", "budget": 300}


def app_over(url, model, pause_s=0.003):
    engine = FakeEngine(scripted(THINKING, ANSWER), pause_s=pause_s)
    engine.model = model
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    store = RedisStore.from_url(url, CALM)
    app = create_app(engine, ReasonSettings(), ServerSettings(drain_s=1), thinking_format=format, store=store)
    return engine, app


@pytest.fixture
async def pair(server):
    """Clients of two servers that share their sessions."""
    model = f"fake-{secrets.token_hex(4)}"
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serve(app_over(server.url, model)[1])) for _ in range(2)]


async def test_a_stream_is_resumed_at_the_other_server(pair):
    first, second = pair
    seen = []
    async with first.stream("POST", "/reason", json={**ASK, "stream": True, "grace_ms": 20_000}) as response:
        async for event in read_events(response):
            seen.append(event)
            if len(seen) == 5:
                break
    id = seen[0].data["id"]
    resume = {"Last-Event-ID": str(seen[-1].id)}
    async with second.stream("GET", f"/reason/{id}/events", headers=resume) as response:
        assert response.status_code == 200
        seen += [event async for event in read_events(response)]
    assert [event.id for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].event == "reason.completed"
    document = (await second.get(f"/reason/{id}")).json()
    assert document == (await first.get(f"/reason/{id}")).json() == seen[-1].data["document"]
    assert (await second.get(f"/reason/{id}/events", headers={"Last-Event-ID": str(len(seen))})).status_code == 204
    assert (await second.get(f"/reason/{id}/events", headers={"Last-Event-ID": "999"})).status_code == 422


async def test_a_background_session_is_known_everywhere_as_soon_as_it_is_told_of(pair):
    first, second = pair
    for _ in range(10):
        begun = await first.post("/reason", json={**ASK, "background": True})
        assert begun.status_code == 202
        assert (await second.get(f"/reason/{begun.json()['id']}")).status_code == 200
        cancelled = await second.delete(f"/reason/{begun.json()['id']}")
        assert cancelled.json()["status"] == "cancelled"


async def test_steering_and_its_refusals_are_the_same_at_the_other_server(pair):
    first, second = pair
    begun = (await first.post("/reason", json={**ASK, "background": True})).json()
    path = f"/reason/{begun['id']}"
    assert (await second.post(f"{path}/extend?budget=310")).json()["budget"]["granted"] == 310
    refused = [await client.post(f"{path}/extend?budget=3") for client in (first, second)]
    assert [response.status_code for response in refused] == [409, 409]
    assert refused[0].json()["error"]["message"] == refused[1].json()["error"]["message"]
    assert (await second.post(f"{path}/answer_now")).status_code == 200
    async with second.stream("GET", f"{path}/events") as response:
        events = [event async for event in read_events(response)]
    assert events[-1].data["document"]["stop_reason"] == "answer_now"
    # It has ended at the first server: the second one goes on with it.
    extended = await second.post(f"{path}/extend?budget=%2B5")
    assert extended.status_code == 200
    async with first.stream("GET", f"{path}/events?starting_after={len(events)}") as response:
        more = [event async for event in read_events(response)]
    assert more[-1].event == "reason.completed"
    assert (await second.get("/reason/rsn_0")).status_code == 404


async def test_one_key_is_one_session_at_both_servers(pair):
    key = {"Idempotency-Key": "once"}
    both = await asyncio.gather(*(client.post("/reason", json=ASK, headers=key) for client in pair))
    assert [response.status_code for response in both] == [200, 200]
    assert both[0].json() == both[1].json()
    other = await pair[1].post("/reason", json={**ASK, "budget": 5}, headers=key)
    assert other.status_code == 409


async def test_a_client_that_waits_gets_its_document_although_the_server_goes_down(server):
    model = f"fake-{secrets.token_hex(4)}"
    engine, app = app_over(server.url, model)
    async with serve(app_over(server.url, model)[1]), serve(app) as leaving:
        waiting = asyncio.create_task(leaving.post("/reason", json={**ASK, "budget": 100, "grace_ms": 20_000}))
        await until(lambda: engine.generated > 20)
        await app.state.reasoner.drain(20)
        assert engine.generated < 100
        document = (await waiting).json()
    assert document["status"] == "completed"
    assert document["budget"]["spent"] == 100


async def test_a_redis_that_is_not_there_is_told_before_the_model_is_loaded(tmp_path):
    engine, app = app_over(f"unix://{tmp_path}/nothing.sock", "fake")

    async def load():
        pytest.fail("the model is loaded")

    engine.start = load
    with pytest.raises(Unavailable, match="no redis answers"):
        async with app.router.lifespan_context(app):
            pass
