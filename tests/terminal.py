"""A command in a terminal of its own: what it writes, and keys pressed in it."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from forked_commands import ForkedCommand

CTRL_C = b"\x03"
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][A-Z0-9]?")
PATIENCE_S = 60

Process = asyncio.subprocess.Process | ForkedCommand
Start = Callable[[Sequence[str], int, Mapping[str, str]], Awaitable[Process]]


class Terminal:
    """The screen's output as one growing text."""

    def __init__(self, process: Process, master: int) -> None:
        self.process = process
        self.raw = ""
        self._master = master
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        """All that was written, without escape sequences."""
        return ESCAPES.sub("", self.raw).replace("\r", "")

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def until(self, wanted: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until `wanted` has been written."""
        async with asyncio.timeout(patience_s):
            while wanted not in self.text:
                assert self.process.returncode is None, f"ended without {wanted!r}:\n{self.text}"
                await self._news.wait()
                self._news.clear()

    async def ended(self) -> int:
        """Wait for the end and return the exit code."""
        async with asyncio.timeout(PATIENCE_S):
            code = await self.process.wait()
        self.read()
        return code

    def read(self) -> None:
        """Take what is there."""
        try:
            while chunk := os.read(self._master, 65536):
                self.raw += chunk.decode(errors="replace")
        except BlockingIOError:  # nothing more for now
            pass
        except OSError:  # nobody has it open any more
            asyncio.get_running_loop().remove_reader(self._master)
        self._news.set()


async def spawn(command: Sequence[str], slave: int, environment: Mapping[str, str]) -> Process:
    """Start a program in the terminal."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )


@asynccontextmanager
async def terminal(
    *command: str, environment: Mapping[str, str], width: int = 80, height: int = 24, start: Start = spawn
) -> AsyncIterator[Terminal]:
    """Run `command` in a terminal of this size; `start` starts it."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = await start(command, slave, {"TERM": "xterm-256color", **environment})
    os.close(slave)
    shown = Terminal(process, master)
    asyncio.get_running_loop().add_reader(master, shown.read)
    try:
        yield shown
    finally:
        asyncio.get_running_loop().remove_reader(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)
