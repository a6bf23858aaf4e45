"""A server on a real socket in the test's own event loop, and a reader of its streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI

from anytime_server.http_protocol import BoundedHttpProtocol


class Guest(uvicorn.Server):
    """A server that leaves the process's signals to the tests it is a guest of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(
    app: FastAPI, http: type[BoundedHttpProtocol] = BoundedHttpProtocol
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` on a free port and give a client for it."""
    server = Guest(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=5, http=http))
    async with running(server) as client:
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
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
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
