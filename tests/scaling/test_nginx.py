"""docker/nginx/nginx.conf on a real nginx, in front of fake engines (Debian: apt-get install nginx)."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from anytime_server.api import create_app
from anytime_server.controller import ThinkingFormat
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import read_events, serve
from nginx import NGINX, balanced

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")

QUESTION = {"prompt": "x", "budget": 400}


class Replica:
    """A server over a fake engine."""

    def __init__(self, number: int) -> None:
        self.engine = FakeEngine(scripted("a=1; " * 200, f"Answer: {number}"))
        format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
        self.app = create_app(self.engine, thinking_format=format)
        self.running = AsyncExitStack()
        self.address = ""

    async def start(self) -> None:
        client = await self.running.enter_async_context(serve(self.app))
        self.address = f"{client.base_url.host}:{client.base_url.port}"

    async def stop(self) -> None:
        await self.running.aclose()


@asynccontextmanager
async def two_replicas(folder):
    """Two servers, and a client for the nginx in front of them."""
    replicas = Replica(1), Replica(2)
    for replica in replicas:
        await replica.start()
    try:
        with balanced([replica.address for replica in replicas], folder) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                yield client, replicas
    finally:
        for replica in replicas:
            await replica.stop()


async def test_events_pass_as_they_come(tmp_path):
    async with two_replicas(tmp_path) as (client, replicas):
        for replica in replicas:
            replica.engine.gate.clear()
        async with asyncio.timeout(30), client.stream("POST", "/reason", json={**QUESTION, "stream": True}) as response:
            events = read_events(response)
            # The model can't have thought yet: nothing but the start of the stream can fill a buffer.
            assert (await anext(events)).event == "reason.created"
            for replica in replicas:
                replica.engine.gate.set()
            assert [event.event async for event in events][-1] == "reason.completed"


async def test_requests_go_to_all_servers(tmp_path):
    async with two_replicas(tmp_path) as (client, _):
        asked = [client.post("/reason", json=QUESTION) for _ in range(8)]
        answers = {response.json()["answer"]["text"] for response in await asyncio.gather(*asked)}
    assert answers == {"Answer: 1", "Answer: 2"}


async def test_a_dead_server_is_passed_over_for_new_requests(tmp_path):
    async with two_replicas(tmp_path) as (client, (dead, _)):
        await dead.stop()
        statuses = [(await client.post("/reason", json=QUESTION)).status_code for _ in range(6)]
    assert statuses == [200] * 6


async def test_a_request_that_was_sent_is_not_sent_to_another_server(tmp_path):
    received = 0

    async def take_and_die(reader, writer):
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        received += 1
        writer.close()

    dying = await asyncio.start_server(take_and_die, "127.0.0.1", 0)
    port = dying.sockets[0].getsockname()[1]
    replica = Replica(1)
    await replica.start()
    try:
        with balanced([f"127.0.0.1:{port}", replica.address], tmp_path) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                statuses = [(await client.post("/reason", json=QUESTION)).status_code for _ in range(4)]
        assert received == statuses.count(502) == 1
        begun = [request for request in replica.engine.requests if request.request_id.endswith(".1")]
        assert len(begun) == statuses.count(200) == 3
    finally:
        dying.close()
        await replica.stop()


async def test_a_client_that_leaves_is_noticed_behind_the_proxy(tmp_path):
    async with two_replicas(tmp_path) as (client, replicas):
        for replica in replicas:
            replica.engine.gate.clear()
        body = {**QUESTION, "stream": True, "grace_ms": 0}
        async with client.stream("POST", "/reason", json=body) as response:
            await anext(read_events(response))
        async with asyncio.timeout(30):
            while any(replica.app.state.reasoner.in_flight for replica in replicas):
                await asyncio.sleep(0.01)


async def test_the_servers_hear_who_asks_and_by_which_name(tmp_path):
    heard = asyncio.Queue()

    async def listen(reader, writer):
        heard.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    with balanced([f"127.0.0.1:{server.sockets[0].getsockname()[1]}"], tmp_path) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/healthz", headers={"Host": "reason.example", "X-Forwarded-For": "198.51.100.7"})
    server.close()
    headers = dict(line.split(": ", 1) for line in (await heard.get()).splitlines()[1:] if line)
    assert headers["Host"] == "reason.example"
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"


async def test_metrics_of_any_one_server_are_nobodys_business(tmp_path):
    async with two_replicas(tmp_path) as (client, _):
        assert (await client.get("/metrics")).status_code == 404


async def test_the_server_refuses_what_is_too_large_in_its_own_words(tmp_path):
    async with two_replicas(tmp_path) as (client, _):
        response = await client.post("/reason", json={"prompt": "x" * (5 * 2**20)})
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "payload_too_large_error"
