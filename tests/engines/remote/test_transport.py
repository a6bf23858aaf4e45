"""The transport, against servers that are sockets and a script."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from anytime_server.engines.remote import transport
from anytime_server.engines.remote.transport import StreamTransport

CHUNKED = b"HTTP/1.1 200 OK\r\nX-Told: yes\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request by `answer(writer)`; counts connections and keeps what was sent."""

    def __init__(self, answer):
        self.answer = answer
        self.connections = 0
        self.requests = []
        self.closed = asyncio.Event()

    async def handle(self, reader, writer):
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.requests.append((head, await reader.readexactly(length)))
                await self.answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()


@asynccontextmanager
async def talking(answer, timeout=5):
    server = Server(answer)
    async with await asyncio.start_server(server.handle, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=timeout, transport=StreamTransport()) as client:
            yield server, client


async def test_a_request_arrives_as_it_was_made():
    async def answer(writer):
        writer.write(WHOLE)

    async with talking(answer) as (server, client):
        response = await client.post("/there?a=1", json={"b": 2}, headers={"X-Session-ID": "s"})
    assert (response.status_code, response.text) == (200, "ok")
    ((head, body),) = server.requests
    assert head.startswith(b"POST /there?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Session-ID: s\r\n" in head
    assert body == b'{"b":2}'


async def test_pieces_are_read_as_they_come_and_a_connection_is_used_again():
    more = asyncio.Event()

    async def answer(writer):
        writer.write(CHUNKED + b"1\r\na\r\n")
        await more.wait()
        writer.write(b"2\r\nbc\r\n0\r\n\r\n")

    async with talking(answer) as (server, client):
        for _ in range(3):
            more.clear()
            async with client.stream("GET", "/") as response:
                assert response.headers["x-told"] == "yes"
                pieces = response.aiter_raw()
                assert await anext(pieces) == b"a"
                more.set()
                assert [piece async for piece in pieces] == [b"bc"]
    assert server.connections == 1


async def test_leaving_a_response_closes_its_connection():
    async def answer(writer):
        writer.write(CHUNKED + b"1\r\na\r\n")

    async with talking(answer) as (server, client):
        async with client.stream("GET", "/") as response:
            assert await anext(response.aiter_raw()) == b"a"
        await asyncio.wait_for(server.closed.wait(), 5)
        assert not server.requests[1:]


async def test_a_connection_that_was_closed_meanwhile_is_made_anew(monkeypatch):
    async def answer(writer):
        if len(server.requests) == 2:
            writer.close()
        else:
            writer.write(WHOLE)

    async with talking(answer) as (server, client):
        for _ in range(2):
            assert (await client.get("/")).text == "ok"
        assert (server.connections, len(server.requests)) == (2, 3)
        monkeypatch.setattr(transport, "IDLE_S", 0.0)
        assert (await client.get("/")).text == "ok"
        assert server.connections == 3


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-", httpx.RemoteProtocolError),
        (CHUNKED + b"5\r\nab", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH\r\n", httpx.RemoteProtocolError),
    ],
)
async def test_what_breaks_off_is_an_error(said, kind):
    async def answer(writer):
        writer.write(said)
        writer.close()

    async with talking(answer) as (_, client):
        with pytest.raises(kind):
            await client.get("/")


async def test_what_has_come_before_the_end_is_read():
    async def answer(writer):
        writer.write(CHUNKED + b"2\r\nab\r\n")
        writer.close()

    async with talking(answer) as (_, client), client.stream("GET", "/") as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"ab"
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(pieces)


async def test_a_response_without_a_length_ends_with_its_connection():
    async def answer(writer):
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        writer.close()

    async with talking(answer) as (_, client):
        assert (await client.get("/")).text == "all of it"


async def test_a_foreword_is_no_response():
    async def answer(writer):
        writer.write(b"HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n" + WHOLE)

    async with talking(answer) as (_, client):
        response = await client.get("/")
    assert (response.text, "x-early" in response.headers) == ("ok", False)


async def test_a_server_that_is_silent_is_given_up_after_the_time_for_reading():
    async def answer(writer):
        await asyncio.sleep(30)

    async with talking(answer, timeout=0.05) as (_, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/")


async def test_nobody_there_is_an_error_of_connecting():
    async with httpx.AsyncClient(transport=StreamTransport()) as client:
        with pytest.raises(httpx.ConnectError, match=r"127\.0\.0\.1"):
            await client.get("http://127.0.0.1:9")
        with pytest.raises(httpx.ConnectError):
            await client.get("http://no-such-host.invalid")


async def test_closing_breaks_off_what_runs():
    async def answer(writer):
        writer.write(CHUNKED + b"1\r\na\r\n")

    async with talking(answer) as (_, client), client.stream("GET", "/") as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        await client.aclose()
        with pytest.raises(httpx.ReadError):
            await anext(pieces)


class Nowhere(asyncio.Transport):
    """What is sent goes nowhere."""

    def write(self, data):
        pass


async def test_a_cancellation_that_comes_together_with_the_response_is_not_lost():
    connection = transport.Connection(asyncio.get_running_loop(), lambda _: None)
    connection.connection_made(Nowhere())
    connection.send(b"", read_s=5)
    waiting = asyncio.create_task(connection.headers_are_there())
    await asyncio.sleep(0)
    connection.data_received(WHOLE)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
