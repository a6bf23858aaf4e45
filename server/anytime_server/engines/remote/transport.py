"""HTTP/1.1 to one server, made for many long streams of small pieces: what stands below httpx.

With httpx's own transport a piece, which is a token, costs 57 microseconds of this process, with this one 22: uvicorn's
parser in an asyncio protocol. It knows no proxies and no HTTP/2.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable
from typing import cast

import httpx
from httptools import HttpParserError, HttpResponseParser

IDLE_S = 2.0
"""Less than servers keep an idle connection (vLLM: 5 s), so that few are used in the moment in which it is closed."""

KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (
            ("TCP_KEEPIDLE", 10),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", 30_000),
        )
        if hasattr(socket, name)
    ),
)
"""A machine that loses its power closes no connection: what it does not acknowledge for half a minute has ended."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends RST."""


class StreamTransport(httpx.AsyncBaseTransport):
    """The connections to one server. Of httpx's time-outs it knows those to connect and to read."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; return the response as soon as its headers are there.

        Raises:
            httpx.TransportError: if the server can't be reached, or is lost.
        """
        data = _head(request) + await request.aread()
        read_s = request.extensions.get("timeout", {}).get("read")
        connection = self._idle_one()
        if connection is not None:
            try:
                return await self._exchange(connection, data, read_s)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if connection.heard:
                    raise
                # The server had closed it, before the request came.
        return await self._exchange(await self._connect(request), data, read_s)

    async def aclose(self) -> None:
        """Break off whatever runs."""
        for connection in list(self._open):
            connection.abort()

    async def _exchange(self, connection: "Connection", data: bytes, read_s: float | None) -> httpx.Response:
        connection.send(data, read_s)
        try:
            await connection.headers_are_there()
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(connection.status, headers=connection.headers, stream=_Body(connection, self._take_back))

    def _idle_one(self) -> "Connection | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection in self._open and now - connection.idle_since < IDLE_S:
                return connection
            connection.abort()
        return None

    async def _connect(self, request: httpx.Request) -> "Connection":
        url, connect_s = request.url, request.extensions.get("timeout", {}).get("connect")
        tls = self._tls_context() if url.scheme == "https" else None
        port = url.port or (443 if tls else 80)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connect_s):
                transport, connection = await loop.create_connection(
                    lambda: Connection(loop, self._open.discard), url.host, port, ssl=tls
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {connect_s} s") from error
        except OSError as error:
            raise httpx.ConnectError(error.strerror or str(error)) from error
        for level, name, value in KEEP_ALIVE:
            transport.get_extra_info("socket").setsockopt(level, name, value)
        self._open.add(connection)
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _take_back(self, connection: "Connection") -> None:
        """Keep a connection whose response has been read to its end; drop another, which the server then sees."""
        if connection.reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and its response."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_close: Callable[["Connection"], None]) -> None:
        """Tell `on_close` once it is closed."""
        self._loop = loop
        self._on_close = on_close
        self._news: asyncio.Future[None] | None = None
        self._error: httpx.TransportError | None = None
        self.idle_since = 0.0

    def send(self, data: bytes, read_s: float | None) -> None:
        """Begin an exchange; each piece of the response must come within `read_s` seconds of the one before."""
        self._parser = HttpResponseParser(self)
        self._read_s = read_s
        self._parts: list[bytes] = []
        self._whole = self._told = self.heard = False
        self._framed = self._stays = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._transport.write(data)

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow."""
        return self._whole and self._framed and self._stays and self._error is None

    async def headers_are_there(self) -> None:
        """Wait for the response's status and headers."""
        while not self._told:
            await self._more()

    async def read(self) -> bytes:
        """Return what has come of the body since the last call, at least a byte; nothing at its end."""
        while not self._parts and not self._whole:
            await self._more()
        data, self._parts = b"".join(self._parts), []
        return data

    def abort(self) -> None:
        """Close it now, and tell the server with a reset: it might take a mere end for that of what we send."""
        if not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()
        self._fail(httpx.ReadError("the connection was closed here"))

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._news = self._loop.create_future()
        try:
            # Not `wait_for`: before Python 3.12 it lost a cancellation that came together with the news.
            async with asyncio.timeout(self._read_s):
                await self._news
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no answer within {self._read_s} s") from error
        finally:
            self._news = None

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _fail(self, error: httpx.TransportError) -> None:
        self._error = self._error or error
        self._on_close(self)
        self._wake()

    # --- asyncio's protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self.heard = True
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._transport.abort()
            self._fail(httpx.RemoteProtocolError(f"no HTTP response: {error}"))
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """End the response, which without a length of its own may have been all."""
        if self._error is None and error is None and self._told and not self._framed:
            self._whole = True
        self._fail(httpx.ReadError(str(error)) if error else httpx.RemoteProtocolError("the server closed it"))

    # --- the parser's callbacks --------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take in the status; one below 200 is only a foreword."""
        self.status = self._parser.get_status_code()
        self._told = self.status >= httpx.codes.OK

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Note the end."""
        self._whole = self._told
        self._stays = self._parser.should_keep_alive()
        if not self._told:
            self.headers = []


class _Body(httpx.AsyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(self, connection: Connection, give_back: Callable[[Connection], None]) -> None:
        self._connection: Connection | None = connection
        self._give_back = give_back

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while self._connection is not None and (data := await self._connection.read()):
            yield data

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._give_back(connection)


def _head(request: httpx.Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    return b"\r\n".join([*lines, b"", b""])
