"""The load generator as a process of its own, and how to talk to it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from serving_parts import load_generator
from serving_parts.subject import HOST

LINE_BYTES = 64 * 2**20


class Generator:
    """The load generator's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Talk to a running process."""
        self._process = process

    async def run(self, port: int, bodies: list[dict[str, Any]], path: str) -> dict[str, Any]:
        """Run one round: a stream of `path` for every body."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps({"host": HOST, "port": port, "path": path, "bodies": bodies}).encode() + b"\n")
        await stdin.drain()
        result: dict[str, Any] = json.loads(await stdout.readline())
        return result


@asynccontextmanager
async def load_process() -> AsyncIterator[Generator]:
    """Start the load generator; it ends with its input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(load_generator.__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield Generator(process)
    finally:
        # With no input at all it would leave the pipe open.
        await process.communicate(b"")
