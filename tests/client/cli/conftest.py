import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from anytime_server.api import create_app
from fakes import FakeEngine, fake_format, scripted
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
    """Runs the command in processes of their own, against one server."""

    def __init__(self, base_url, engine):
        self.engine = engine
        self.environment = {**os.environ, "ANYTIME_BASE_URL": base_url}
        self.environment.pop("ANYTIME_API_KEY", None)

    async def start(self, *arguments, **pipes):
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
            **({"stdin": asyncio.subprocess.DEVNULL} | pipes),
        )

    async def run(self, *arguments, stdin=None, **environment):
        pipe = asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL
        self.environment |= environment
        process = await self.start(*arguments, stdin=pipe)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin)
        return Done(process.returncode, out.decode(), err.decode())

    def terminal(self, *arguments, width=80, height=24, **environment):
        colors = {name: value for name, value in self.environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        return terminal(*COMMAND, *arguments, environment={**colors, **environment}, width=width, height=height)


@asynccontextmanager
async def cli_with(engine):
    app = create_app(engine, thinking_format=fake_format(engine))
    async with serve(app) as client:
        yield Cli(str(client.base_url), engine)


@pytest.fixture
async def cli():
    async with cli_with(FakeEngine(scripted(THINKING, "It is 16."))) as cli:
        yield cli


@pytest.fixture
async def slow_cli():
    """Of an engine that would think for a minute."""
    async with cli_with(FakeEngine(scripted("hm; " * 3000, "It is 16."), max_model_len=20_000, pause_s=0.005)) as cli:
        yield cli
