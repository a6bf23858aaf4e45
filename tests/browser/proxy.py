"""A TCP proxy that can break the connections that run through it, as networks and restarts do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards to `target`, a port of this machine. With `up` false new connections are closed at once."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.up = True
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.up:
            writer.transport.abort()
            return
        there = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, there[1]}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, there[1]))
                both.create_task(_pump(there[0], writer))
        except* ConnectionError:
            pass
        finally:
            self._writers -= {writer, there[1]}
            writer.close()
            there[1].close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxied_at(port: int, target: int) -> AsyncIterator[Proxy]:
    """Run a proxy at one port to another."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.connect, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        proxy.up = False
        proxy.cut()
