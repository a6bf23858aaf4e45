"""A server on a real socket in the test's own event loop, and a reader of its streams."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI

from anytime_server.http_protocol import BoundedHttpProtocol

TICK_S = 0.005
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: the servers speak plain HTTP, and to read the certificates costs each client 50 ms."""


class Guest(uvicorn.Server):
    """A server that leaves the process's signals to the tests it is a guest of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class QuickGuest(Guest):
    """A guest that ends as soon as it is told to.

    uvicorn looks every tenth of a second whether to end, and waits as long again: a thousand tests would feel it.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        """Be told to end as any other: `should_exit` is set."""
        self._end = asyncio.Event()
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        """Whether it has been told to end."""
        return self._end.is_set()

    @should_exit.setter
    def should_exit(self, ends: bool) -> None:
        if ends:
            self._end.set()

    async def main_loop(self) -> None:
        """Run until told to end; each second brings another date."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does: wait for responses on their way, cancel what takes too long, tell the application."""
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:
                    await asyncio.sleep(TICK_S)
        except TimeoutError:
            for task in state.tasks:
                task.cancel()
        await self.lifespan.shutdown()


@asynccontextmanager
async def serve(
    app: FastAPI, http: type[BoundedHttpProtocol] = BoundedHttpProtocol, port: int = 0
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app`, on a free port unless one is named, and give a client for it."""
    config = uvicorn.Config(
        app, port=port, http=http, log_config=None, log_level="warning", timeout_graceful_shutdown=5
    )
    async with running(QuickGuest(config)) as client:
        yield client


@asynccontextmanager
async def running(server: uvicorn.Server) -> AsyncIterator[httpx.AsyncClient]:
    """Run `server` and give a client for it."""
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(120):
            while not server.started:
                if running.done():
                    await running
                await asyncio.sleep(TICK_S)
        port = server.servers[0].sockets[0].getsockname()[1]
        limits = httpx.Limits(max_connections=None)
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, verify=NO_TLS) as client:
            yield client
    finally:
        server.should_exit = True
        await running


@dataclass(frozen=True)
class Sent:
    """One server-sent event as it came over the wire."""

    event: str
    id: int
    data: dict


async def read_events(response: httpx.Response) -> AsyncIterator[Sent]:
    """Parse a stream; comments (heartbeats) are left out."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        elif "data" in fields:
            yield Sent(fields["event"], int(fields["id"]), json.loads(fields["data"]))
            fields = {}
