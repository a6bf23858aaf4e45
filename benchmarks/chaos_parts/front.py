"""A load balancer that knows no sessions: each connection goes to any server that is well, and some are cut."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from chaos_parts.plain import NO_TLS

HOST = "127.0.0.1"
STREAM_HEADER = "X-Chaos-Stream"
"""Names the session that a connection is for; its first connections may be planned to be cut."""
HEAD_BYTES = 65_536
CHECK_S = 0.4
CHECK_TIMEOUT_S = 1.5


@dataclass(slots=True, eq=False)
class Backend:
    """A server behind the front."""

    port: int
    well: bool = True
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def drop(self) -> None:
        """Break all connections to it."""
        for writer in self.writers:
            writer.transport.abort()


@dataclass(slots=True, eq=False)
class Front:
    """The one address that all readers use.

    A server whose `/healthz` is silent for too long gets no connections, and those that it has are broken: a stopped
    process still accepts connections, and a balancer's health check is what tells.

    Attributes:
        cuts: bytes of the response after which a session's first, second, ... connection is cut, by its name.
        cut: how many connections were cut so.
    """

    backends: Sequence[Backend]
    rng: random.Random
    cuts: dict[str, list[int]]
    port: int = 0
    cut: int = 0

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, to its end."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            upstream = await self._reach()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()
            return
        backend, there_reader, there_writer = upstream
        ends = {writer, there_writer}
        backend.writers |= ends
        limit = self._limit(head)
        there_writer.write(head)
        both = [
            asyncio.ensure_future(_pump(reader, there_writer, None)),
            asyncio.ensure_future(_pump(there_reader, writer, limit)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if both[1].done() and not both[1].exception() and both[1].result():
                self.cut += 1
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            backend.writers -= ends
            await _finish(there_writer)
            await _finish(writer)

    async def watch(self) -> None:
        """Ask every server for its health, for ever."""
        async with httpx.AsyncClient(timeout=CHECK_TIMEOUT_S, verify=NO_TLS) as client:
            await asyncio.gather(*(self._watch(client, backend) for backend in self.backends))

    async def _watch(self, client: httpx.AsyncClient, backend: Backend) -> None:
        while True:
            try:
                response = await client.get(f"http://{HOST}:{backend.port}/healthz")
                backend.well = response.status_code == 200
            except httpx.TransportError:
                backend.well = False
            if not backend.well:
                backend.drop()
            await asyncio.sleep(CHECK_S)

    async def _reach(self) -> tuple[Backend, asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to any server that takes connections, well ones first."""
        order = self.rng.sample(list(self.backends), len(self.backends))
        for backend in sorted(order, key=lambda each: not each.well):
            try:
                return backend, *await asyncio.open_connection(HOST, backend.port)
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError("no server takes connections")

    def _limit(self, head: bytes) -> int | None:
        """Return the bytes after which the connection is to be cut."""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == STREAM_HEADER.lower().encode():
                waiting = self.cuts.get(value.strip().decode())
                return waiting.pop(0) if waiting else None
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> bool:
    """Pass bytes on until their end, or until so many have passed: then break the connection and return true."""
    try:
        while data := await reader.read(65_536 if limit is None else min(limit, 65_536)):
            writer.write(data)
            await writer.drain()
            if limit is not None:
                limit -= len(data)
                if limit <= 0:
                    writer.transport.abort()
                    return True
    except ConnectionError:
        writer.transport.abort()
    return False


async def _finish(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return


@asynccontextmanager
async def fronting(ports: Sequence[int], seed: int, cuts: Mapping[str, Sequence[int]]) -> AsyncIterator[Front]:
    """Run a front to servers on these ports."""
    front = Front([Backend(port) for port in ports], random.Random(seed), {name: list(at) for name, at in cuts.items()})
    server = await asyncio.start_server(front.connect, HOST, 0, limit=HEAD_BYTES)
    front.port = server.sockets[0].getsockname()[1]
    watching = asyncio.create_task(front.watch())
    try:
        yield front
    finally:
        watching.cancel()
        server.close()
        for backend in front.backends:
            backend.drop()
        await asyncio.gather(watching, return_exceptions=True)
