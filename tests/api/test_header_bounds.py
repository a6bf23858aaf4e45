"""Headers, on a real socket: what a client may send before anybody looks at its request."""

import asyncio

import pytest

from anytime_server.api import ServerSettings
from anytime_server.http_protocol import MAX_HEADER_BYTES, BoundedHttpProtocol
from anytime_server.run import server_config

LINE = b"POST /reason HTTP/1.1\r\n"
HEAD = LINE + b"Host: localhost\r\n"
PIECE = b"x" * 2**16
KEYS = {"api_keys": ("a-key-of-16-characters",)}


async def sent_until_closed(client, pieces):
    """Send pieces until the server closes; return how many bytes that were."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    closed, sent = asyncio.ensure_future(reader.read()), 0
    for piece in pieces:
        writer.write(piece)
        sent += len(piece)
        await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0.001)), closed], return_when=asyncio.FIRST_COMPLETED)
        if closed.done():
            break
    await asyncio.gather(closed, return_exceptions=True)
    writer.close()
    return sent


def long(start, piece, pieces=200):
    yield start
    for _ in range(pieces):
        yield piece


CHUNKED = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = {
    "a header": (HEAD + b"X-A: ", PIECE),
    "a header's name": (HEAD, PIECE),
    "header lines": (HEAD, b"a: b\r\n" * 10_000),
    "the path": (b"POST /", PIECE),
    "a trailer": (CHUNKED + b"1\r\n{\r\n0\r\nX-A: ", PIECE),
    "trailers": (CHUNKED + b"1\r\n{\r\n0\r\n", b"a: b\r\n" * 10_000),
    "an extension of a chunk": (CHUNKED + b"1;a=", PIECE),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("app", [{}, KEYS], ids=["open", "with keys"])
async def test_headers_without_end_are_cut_off(served, name, app):
    async with served(app=app) as (client, engine):
        pieces = [*long(*LONG[name])]
        # The socket's buffers take some before the sender can know.
        assert await sent_until_closed(client, pieces) < sum(map(len, pieces)) // 2
        assert engine.requests == []
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("extra", [MAX_HEADER_BYTES, 4 * MAX_HEADER_BYTES])
async def test_headers_over_the_bound_are_431_before_the_key_is_checked(served, extra):
    async with served(app=KEYS) as (client, _):
        response = await client.get("/reason/x", headers={"X-A": "x" * extra})
        assert response.status_code == 431
        assert response.json()["error"]["type"] == "headers_too_large_error"
        assert response.headers["connection"] == "close"
        assert (await client.get("/reason/x")).status_code == 401


async def test_headers_within_the_bound_are_taken_again_and_again(served):
    async with served() as (client, _):
        for _ in range(4):
            response = await client.get("/healthz", headers={"X-A": "x" * (MAX_HEADER_BYTES - 1000)})
            assert response.status_code == 200


async def test_a_large_body_is_no_header(served):
    async with served() as (client, _):
        response = await client.post("/reason", json={"prompt": "x" * 10 * MAX_HEADER_BYTES})
        assert (response.status_code, response.json()["error"]["param"]) == (422, "prompt")


async def test_after_a_fault_of_the_server_the_connection_is_closed_and_says_so(served):
    async with served() as (client, engine):

        def fail(messages, tools=()):
            raise ZeroDivisionError

        engine.tokenizer.render_chat, render = fail, engine.tokenizer.render_chat
        for path in ("/reason", "/v1/responses"):
            response = await client.post(path, json={"prompt": "x"} if path == "/reason" else {"input": "x"})
            assert (response.status_code, response.headers["connection"]) == (500, "close")
        engine.tokenizer.render_chat = render
        assert (await client.post("/reason", json={"prompt": "x", "budget": 2})).status_code == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["[::1].evil.example"],
        ["[::1]evil"],
        ["[::1]:80.evil.example"],
        ["::1]"],
        ["127.0.0.1:80@evil.example"],
        ["127.0.0.1:80:90"],
        ["localhost", "evil.example"],
        ["evil.example", "localhost"],
        ["localhost", "localhost"],
        [""],
    ],
    ids=" and ".join,
)
async def test_a_host_that_is_no_plain_name_or_address_is_refused(served, hosts):
    async with served() as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        writer.write(f"GET /reason/x HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        status = (await reader.read()).split(b" ", 2)[1]
        writer.close()
        assert status in (b"400", b"421")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "a.localhost", "[::1]", "[::1]:8000", "127.0.0.1:", "10.0.0.1"]
)
async def test_plain_names_and_addresses_are_taken(served, host):
    async with served() as (client, _):
        assert (await client.get("/reason/x", headers={"Host": host})).status_code == 404


def test_the_served_app_speaks_the_bounded_protocol():
    assert issubclass(server_config(None, ServerSettings()).http, BoundedHttpProtocol)
