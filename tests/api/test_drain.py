"""A server that goes down can still be asked about what it has begun."""

import asyncio
import logging
import signal
import threading
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from sse_starlette.sse import AppStatus

from anytime_server import draining
from anytime_server.api import ServerSettings
from anytime_server.concise import Concise
from anytime_server.draining import DrainingServer
from anytime_server.http_protocol import BoundedHttpProtocol, Timeouts
from anytime_server.run import server_config
from api.test_reason import ASK, until
from api.test_slow_clients import connection, post, small_buffers, stalled_reader  # noqa: F401 - a fixture
from fake_server import endless_app
from live import Guest, read_events, running

LONG = {**ASK, "budget": 10**5, "checkpoints": []}


@pytest.fixture(autouse=True)
def streams_end_with_their_sessions(monkeypatch):
    """As `run` has it, for the process."""
    monkeypatch.setattr(AppStatus, "enable_automatic_graceful_drain", False)


class DrainingGuest(Guest, DrainingServer):
    """As served, but for the signals."""

    async def startup(self, sockets=None):
        """Leave the garbage collector alone: the tests' process goes on."""
        await uvicorn.Server.startup(self, sockets)


@asynccontextmanager
async def draining_server(drain_s=60, **options):
    """Serve; gives the server, a client and the engine. What still runs at the end is cancelled."""
    app, engine = endless_app(**options)
    config = uvicorn.Config(Concise(app), port=0, log_config=None, http=server_config(app, ServerSettings()).http)
    server = DrainingGuest(config, drain_s)
    async with running(server) as client:
        try:
            yield server, client, engine
        finally:
            for session in app.state.reasoner._archive.running:
                session.cancel()


async def drain(server):
    server.handle_exit(signal.SIGTERM, None)
    await until(lambda: server.config.app.app.state.reasoner.draining)


async def ended(server):
    await until(lambda: server.should_exit and not server.servers[0].is_serving(), 30)


async def begin(client, **fields):
    return (await client.post("/reason", json={**LONG, "background": True, **fields})).json()["id"]


async def test_what_was_begun_can_be_read_steered_and_ended_while_the_server_drains():
    async with draining_server() as (server, client, _), connection(client) as (reader, idle):
        steered, cancelled, dropped = await begin(client), await begin(client), None
        async with client.stream("POST", "/reason", json={**LONG, "stream": True, "grace_ms": 60_000}) as response:
            dropped = (await anext(read_events(response))).data["id"]
        await drain(server)
        async with httpx.AsyncClient(base_url=client.base_url) as fresh:
            assert (await fresh.get("/healthz")).status_code == 200
            ready = await fresh.get("/readyz")
            assert (ready.status_code, "draining" in ready.json()["error"]["message"]) == (503, True)
            assert "anytime_sessions_in_flight 3.0" in (await fresh.get("/metrics")).text
            assert (await fresh.get(f"/reason/{dropped}")).json()["status"] == "running"
            assert (await fresh.delete(f"/reason/{cancelled}")).json()["status"] == "cancelled"
            events = read_events_of(fresh, dropped, after=1)
            await asyncio.gather(events, fresh.post(f"/reason/{dropped}/answer_now"))
            assert [event.id for event in events.result()] == [*range(2, len(events.result()) + 2)]
            assert events.result()[-1].event == "reason.completed"
        idle.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readuntil(b'{"status":"ok"}')
        await client.post(f"/reason/{steered}/answer_now")
        async with client.stream("GET", f"/reason/{steered}/events") as response:
            assert [event async for event in read_events(response)][-1].event == "reason.completed"
        await ended(server)


def read_events_of(client, id, after):
    async def read():
        async with client.stream("GET", f"/reason/{id}/events?starting_after={after}") as response:
            return [event async for event in read_events(response)]

    return asyncio.ensure_future(read())


async def test_new_sessions_are_refused_on_a_connection_that_is_closed():
    async with draining_server() as (server, client, _):
        id = await begin(client)
        await drain(server)
        response = await client.post("/reason", json=ASK)
        assert (response.status_code, response.json()["error"]["type"]) == (503, "unavailable_error")
        assert (response.headers["retry-after"], response.headers["connection"]) == ("1", "close")
        response = await client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
        assert (response.status_code, response.headers["connection"]) == (503, "close")
        assert (await client.get(f"/reason/{id}")).headers.get("connection") != "close"


async def test_requests_being_planned_are_refused_at_once_and_not_in_the_end(caplog):
    async with draining_server() as (server, client, engine):
        rendering, go_on = threading.Event(), threading.Event()
        render = engine.tokenizer.render_chat

        def slow(messages, *more):
            rendering.set()
            go_on.wait(60)
            return render(messages, *more)

        engine.tokenizer.render_chat = slow
        try:
            asking = [asyncio.ensure_future(client.post("/reason", json=ASK)) for _ in range(3)]
            await asyncio.to_thread(rendering.wait, 60)
            await drain(server)
            assert [response.status_code for response in await asyncio.gather(*asking)] == [503] * 3
            await ended(server)
        finally:
            go_on.set()
    assert not [record for record in caplog.records if record.exc_info]


async def test_without_sessions_the_server_does_not_linger(monkeypatch):
    monkeypatch.setattr(draining, "LINGER_S", 600)
    async with draining_server() as (server, _, _):
        server.handle_exit(signal.SIGTERM, None)
        await ended(server)


async def test_an_end_that_somebody_reads_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(draining, "LINGER_S", 600)
    async with draining_server() as (server, client, _):
        async with client.stream("POST", "/reason", json={**LONG, "stream": True}) as response:
            events = read_events(response)
            id = (await anext(events)).data["id"]
            await drain(server)
            await client.post(f"/reason/{id}/answer_now")
            assert [event async for event in events][-1].event == "reason.completed"
        await ended(server)


async def test_an_end_that_nobody_reads_can_be_fetched_for_a_moment(monkeypatch):
    monkeypatch.setattr(draining, "LINGER_S", 1)
    async with draining_server(drain_s=0.1) as (server, client, engine):
        id = await begin(client)
        await drain(server)
        await until(lambda: not engine.active)
        assert (await client.get(f"/reason/{id}")).json()["status"] == "cancelled"
        await ended(server)


async def test_readers_that_stopped_hold_up_the_end_for_a_moment_and_are_one_line(small_buffers, caplog):  # noqa: F811
    caplog.set_level(logging.INFO)
    stalled = 3
    async with draining_server(drain_s=0.1, pause_s=0) as (server, client, _):
        request = post({**LONG, "stream": True})
        async with asyncio.TaskGroup() as readers:
            leave = asyncio.Event()

            async def stall():
                async with stalled_reader(client, request):
                    await leave.wait()

            for _ in range(stalled):
                readers.create_task(stall())
            await until(lambda: sum(each.flow.write_paused for each in small_buffers) == stalled, 60)
            server.handle_exit(signal.SIGTERM, None)
            await until(lambda: not server.server_state.connections and not server.server_state.tasks, 30)
            leave.set()
    (line,) = [record for record in caplog.records if "did not take" in record.getMessage()]
    assert line.anytime_fields["connections"] == stalled
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


def test_the_time_outs_of_the_settings_are_those_of_the_connections():
    protocol = server_config(None, ServerSettings(send_timeout_s=7, request_timeout_s=8)).http
    assert issubclass(protocol, BoundedHttpProtocol)
    assert protocol.timeouts == Timeouts(send_s=7, request_s=8)
