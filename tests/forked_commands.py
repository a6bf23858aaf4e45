"""Commands forked out of a process that has imported them, as asyncio's processes are used."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from forks import Forked, Forks
from live import TICK_S


class ForkedCommand:
    """A process, with what tests need of asyncio's."""

    def __init__(
        self, forked: Forked, stdout: asyncio.StreamReader | None = None, stderr: asyncio.StreamReader | None = None
    ) -> None:
        """`stdout` and `stderr` read what it writes, unless it writes to a terminal."""
        self.stdout = stdout
        self.stderr = stderr
        self.send_signal = forked.send_signal
        self.kill = forked.kill
        self._forked = forked

    @property
    def returncode(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self._forked.poll()

    async def wait(self) -> int:
        """Wait until it has ended."""
        while (code := self.returncode) is None:
            await asyncio.sleep(TICK_S)
        return code

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read all that it writes until it has ended."""
        assert self.stdout is not None and self.stderr is not None
        written = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return written[0], written[1]


async def fork_command(
    forks: Forks, arguments: Sequence[str], environment: Mapping[str, str], given: bytes = b""
) -> ForkedCommand:
    """Run `anytime`, with what it is given as its input."""
    source, given_to = os.pipe()
    os.write(given_to, given)
    os.close(given_to)
    output, out = os.pipe()
    errors, err = os.pipe()
    try:
        forked = forks.fork(arguments, out, err, environment, source=source)
    finally:
        for end in (source, out, err):
            os.close(end)
    return ForkedCommand(forked, await _reader(output), await _reader(errors))


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    return reader
