import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from anytime_server.api import create_app
from fakes import FakeEngine, fake_format, scripted
from forked_commands import ForkedCommand, fork_command
from forks import Forks
from live import serve
from terminal import terminal

COMMAND = (sys.executable, "-c", "from anytime_client.cli import main; main()")
THINKING = "so; then; " * 8
"""80 tokens of the fake engine, which counts the semicolons when it is asked meanwhile."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli:
    """Runs the command in processes of their own, against one server: forked where there are `forks`, else spawned."""

    def __init__(self, base_url, engine, forks=None):
        self.engine = engine
        self.forks = forks
        self.environment = {**os.environ, "ANYTIME_BASE_URL": base_url}
        self.environment.pop("ANYTIME_API_KEY", None)

    async def start(self, *arguments, given=b""):
        """Start it; what it is `given` comes through a pipe."""
        if self.forks:
            return await fork_command(self.forks, arguments, self.environment, given)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, **pipes, env=self.environment)
        process.stdin.write(given)
        process.stdin.close()
        return process

    async def run(self, *arguments, given=b"", **environment):
        self.environment |= environment
        process = await self.start(*arguments, given=given)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return Done(process.returncode, out.decode(), err.decode())

    def terminal(self, *arguments, width=80, height=24, **environment):
        colors = {name: value for name, value in self.environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        size = {"width": width, "height": height, "environment": {**colors, **environment}}
        if self.forks:
            return terminal(*arguments, **size, start=self._fork)
        return terminal(*COMMAND, *arguments, **size)

    async def _fork(self, arguments, slave, environment):
        return ForkedCommand(self.forks.fork(arguments, slave, slave, environment, source=slave))


@asynccontextmanager
async def cli_with(engine, forks=None):
    app = create_app(engine, thinking_format=fake_format(engine))
    async with serve(app) as client:
        yield Cli(str(client.base_url), engine, forks)


@pytest.fixture(scope="session")
def command_forks(shared_folder):
    """What forks commands; None where that can't be done: they are spawned then."""
    if sys.platform != "linux":
        yield None
        return
    forks = Forks(shared_folder, "commands")
    yield forks
    forks.close()


@pytest.fixture
async def spawned_cli():
    async with cli_with(FakeEngine(scripted(THINKING, "It is 16."))) as cli:
        yield cli


@pytest.fixture
async def cli(command_forks):
    async with cli_with(FakeEngine(scripted(THINKING, "It is 16.")), command_forks) as cli:
        yield cli


@pytest.fixture
async def slow_cli(command_forks):
    """Of an engine that would think for a minute."""
    engine = FakeEngine(scripted("hm; " * 3000, "It is 16."), max_model_len=20_000, pause_s=0.005)
    async with cli_with(engine, command_forks) as cli:
        yield cli
