"""Clients that never finish their request, never take their response, or only close their sending half."""

import asyncio
import inspect
import json
import socket
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from anytime_server.http_protocol import BoundedHttpProtocol, Timeouts
from api.test_reason import ASK, until
from live import read_events

POST = b"POST /reason HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LONG = {"thinking": "x" * 3000, "pause_s": 0.001}


class Impatient(BoundedHttpProtocol):
    timeouts = Timeouts(send_s=0.2, request_s=0.2)


class Trusting(BoundedHttpProtocol):
    """Waits long for requests, not for readers."""

    timeouts = Timeouts(send_s=0.2, request_s=60)


@asynccontextmanager
async def connection(client, keeps_bytes=None):
    """Connect; the kernel keeps about so many bytes that the client has not read."""
    sock = socket.socket()
    if keeps_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, keeps_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (client.base_url.host, client.base_url.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=2**16 if keeps_bytes is None else 1)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def post(body, *headers):
    raw = json.dumps(body).encode()
    return POST + b"".join(headers) + b"Content-Length: %d\r\n\r\n" % len(raw) + raw


async def until_closed(reader):
    """What comes until the end. A server that closes while it is still sent to resets the connection."""
    answer = b""
    async with asyncio.timeout(20):
        with suppress(ConnectionResetError):
            while block := await reader.read(2**16):
                answer += block
    return answer


@pytest.fixture
def small_buffers(monkeypatch):
    """Let the kernel keep little of what the server sends; give the server's connections."""
    made, seen = BoundedHttpProtocol.connection_made, []

    def connection_made(self, transport):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(high=4096)
        made(self, transport)
        seen.append(self)

    monkeypatch.setattr(BoundedHttpProtocol, "connection_made", connection_made)
    return seen


UNFINISHED = {
    "nothing": (b"", b""),
    "line breaks": (b"\r\n", b""),
    "half a line": (b"GET /hea", b"408"),
    "half of the headers": (POST, b"408"),
    "headers without their body": (POST + b"Content-Length: 100\r\n\r\n", b"408"),
    "a part of the body": (POST + b"Content-Length: 100\r\n\r\n{", b"408"),
}


@pytest.mark.parametrize("name", UNFINISHED)
async def test_a_request_that_does_not_arrive_ends_its_connection(served, name):
    sent, status = UNFINISHED[name]
    async with served(http=Impatient) as (client, engine), connection(client) as (reader, writer):
        writer.write(sent)
        answer = await until_closed(reader)
        assert answer[9:12] == status
        assert not engine.requests


async def test_a_second_request_that_does_not_arrive_ends_its_connection_too(served):
    async with served(http=Impatient) as (client, _), connection(client) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal")
        answer = await until_closed(reader)
        assert answer.count(b"HTTP/1.1 200") == answer.count(b"HTTP/1.1 408") == 1


async def trickle(writer, pieces):
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)


async def test_a_body_by_single_bytes_is_cut_off_and_one_that_comes_on_is_not(served):
    raw = json.dumps({**ASK, "budget": 2, "grace_ms": 0}).encode()
    padded = raw + b" " * 2**16
    head = POST + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(padded)
    async with served(http=Impatient) as (client, _):
        statuses = []
        for size in (1, 1024):
            async with connection(client) as (reader, writer):
                pieces = [head, *(padded[at : at + size] for at in range(0, len(padded), size))]
                sending = asyncio.ensure_future(trickle(writer, pieces))
                statuses.append((await until_closed(reader))[9:12])
                sending.cancel()
        assert statuses == [b"408", b"200"]


async def test_a_body_nobody_waits_for_any_more_is_not_read_for_ever(served):
    live = served(http=Impatient, app={"max_body_bytes": 1024})
    async with live as (client, _), connection(client) as (reader, writer):
        writer.write(POST + b"Content-Length: 5000\r\n\r\n")
        sending = asyncio.ensure_future(trickle(writer, [b" "] * 1000))
        answer = await until_closed(reader)
        sending.cancel()
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"413"]


async def test_a_client_may_wait_for_its_answer_longer_than_its_request_may_take(served):
    async with served(http=Impatient, thinking="x" * 400, pause_s=0.002) as (client, _):
        body = {**ASK, "budget": 300, "checkpoints": []}
        assert (await client.post("/reason", json=body)).json()["status"] == "completed"
        async with connection(client) as (reader, writer):
            # A stray line break after a body is no request that is late.
            writer.write(post(body, b"Connection: close\r\n") + b"\r\n")
            assert (await until_closed(reader))[9:12] == b"200"
            document = (await client.post("/reason", json={**ASK, "budget": 300, "checkpoints": []})).json()
            assert document["status"] == "completed"


@asynccontextmanager
async def stalled_reader(client, request):
    """Ask, and read nothing."""
    async with connection(client, keeps_bytes=4096) as (_, writer):
        writer.transport.pause_reading()
        writer.write(request)
        yield


async def test_a_reader_that_stopped_is_cut_off_and_its_session_goes_by_its_grace(served, small_buffers):
    async with served(http=Trusting, max_model_len=2**20) as (client, engine):
        engine._prefer, engine._remember = lambda ids, seed: [ord("x")], lambda ids: None
        body = {**ASK, "stream": True, "budget": 500_000, "checkpoints": [], "grace_ms": 0}
        async with stalled_reader(client, post(body)):
            await until(lambda: engine.active)
            id = engine.requests[0].request_id.partition(".")[0]
            await until(lambda: not engine.active, 30)
        assert (await client.get(f"/reason/{id}")).json()["status"] == "cancelled"


async def test_a_reader_that_stopped_at_the_end_of_its_response_is_cut_off(served, small_buffers):
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served(http=Trusting) as (client, _), stalled_reader(client, request):
        await until(lambda: small_buffers)
        (stalled,) = small_buffers
        await until(lambda: stalled not in stalled.connections, 20)
        assert stalled.cut_off


async def test_a_reader_that_is_slow_is_not_cut_off(served, small_buffers):
    async with served(http=Trusting) as (client, _), connection(client, keeps_bytes=4096) as (reader, writer):
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := await reader.read(4096):
            answer += piece
            await asyncio.sleep(0.02)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert json.loads(body)["openapi"]


# --- half-closed


@pytest.mark.parametrize("stream", [False, True])
async def test_who_only_closes_the_sending_half_still_gets_the_response(served, stream):
    async with served(**LONG) as (client, _), connection(client) as (reader, writer):
        writer.write(post({**ASK, "budget": 400, "checkpoints": [], "stream": stream}))
        writer.write_eof()
        answer = await until_closed(reader)
        assert b"HTTP/1.1 200 OK" in answer
        assert b'"status":"completed"' in answer


@pytest.mark.parametrize("stream", [False, True])
async def test_who_closes_both_halves_has_gone_even_if_nothing_is_sent_meanwhile(served, stream):
    async with served(**LONG) as (client, engine), connection(client) as (reader, writer):
        writer.write(post({**ASK, "budget": 2900, "checkpoints": [], "stream": stream}))
        await until(lambda: engine.active)
        if stream:
            # All that has been written is read, so that the close is a plain one.
            await reader.readuntil(b"thinking.delta")
        engine.gate.clear()
        await asyncio.sleep(0.1)
        writer.close()
        await until(lambda: not engine.active)


async def test_half_a_request_and_an_end_is_no_request(served):
    async with served() as (client, engine), connection(client) as (reader, writer):
        writer.write(POST + b"Content-Length: 100\r\n\r\n{")
        writer.write_eof()
        await until_closed(reader)
        assert not engine.requests


async def test_a_stream_with_a_filler_in_it_is_read_as_before(served):
    async with served(**LONG) as (client, engine), connection(client) as (reader, writer):
        writer.write(post({**ASK, "budget": 50, "checkpoints": [], "stream": True}))
        await reader.readuntil(b"thinking.delta")
        engine.gate.clear()
        writer.write_eof()
        assert await reader.readuntil(b"\r\n:\n\n\r\n")
        engine.gate.set()
        assert b"reason.completed" in await until_closed(reader)
        async with client.stream("POST", "/reason", json={**ASK, "budget": 2, "stream": True}) as response:
            assert [event async for event in read_events(response)][-1].event == "reason.completed"


ON_UVLOOP = [
    test_a_request_that_does_not_arrive_ends_its_connection,
    test_a_reader_that_stopped_at_the_end_of_its_response_is_cut_off,
    test_a_reader_that_is_slow_is_not_cut_off,
    test_who_only_closes_the_sending_half_still_gets_the_response,
    test_who_closes_both_halves_has_gone_even_if_nothing_is_sent_meanwhile,
    test_a_stream_with_a_filler_in_it_is_read_as_before,
]
ARGUMENTS = {"name": "half of the headers", "stream": False}


@pytest.mark.parametrize("test", ON_UVLOOP, ids=lambda test: test.__name__.removeprefix("test_"))
async def test_the_loop_that_is_served_with_does_the_same(served, small_buffers, test):
    given = {"served": served, "small_buffers": small_buffers, **ARGUMENTS}
    arguments = {name: given[name] for name in inspect.signature(test).parameters}

    def run():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(**arguments))

    await asyncio.to_thread(run)
