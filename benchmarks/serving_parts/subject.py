"""What is measured: one engine, the sessions on it, and the HTTP server in front of them, all in this process."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from anytime_server.api import create_app
from anytime_server.controller import ThinkingFormat, render_prompt
from anytime_server.engines import Engine
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, create_engine
from anytime_server.reasoning import Reasoner
from harness.environment import has_gpu

if TYPE_CHECKING:
    from serving_parts.yardstick import YardstickEngine

HOST = "127.0.0.1"
VLLM_ON_CPU: Mapping[str, Any] = {"enforce_eager": True, "dtype": "float32"}
"""Compiling takes minutes and bfloat16 is slow on a CPU."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A running engine with its server. Every question is new, so that no side finds its prompt in the cache."""

    engine: Engine
    reasoner: Reasoner
    format: ThinkingFormat
    port: int
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def yardstick(self) -> "YardstickEngine":
        """The engine, if it is vLLM."""
        return cast("YardstickEngine", self.engine)

    @property
    def thinks_with_logprobs(self) -> bool:
        """Whether long thinking of a session asks for log-probabilities."""
        return self.engine.plain_from is None

    def new_id(self) -> str:
        """Return a request id that was not used yet."""
        return f"bench-{next(self._numbers)}"

    def new_question(self) -> str:
        """Return a prompt whose first words were not used yet."""
        return f"{next(self._numbers):06d}: how many primes are there below?"

    def new_prompt(self) -> tuple[int, ...]:
        """Return the token ids of a new question, with the thinking opened."""
        message = {"role": "user", "content": self.new_question()}
        return tuple(render_prompt([message], self.engine.tokenizer, self.format))


@asynccontextmanager
async def serve(engine_name: str, model: str, options: Mapping[str, Any]) -> AsyncIterator[Subject]:
    """Start `model` on an engine with the real HTTP server on a loopback socket, in this event loop."""
    engine = make_engine(engine_name, model, options)
    app = create_app(engine)
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=0, log_level="warning", timeout_graceful_shutdown=5))
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if running.done():
                await running
                raise RuntimeError("the server ended before it had started; its log says why")
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Subject(engine, app.state.reasoner, ThinkingFormat.resolve(engine.tokenizer), port)
    finally:
        server.should_exit = True
        await running


def make_engine(name: str, model: str, options: Mapping[str, Any]) -> Engine:
    """Return an engine, not started; vLLM comes with its own budget switched on for comparison."""
    if name != "vllm":
        return create_engine(name, model, options)
    from serving_parts.yardstick import YardstickEngine

    source = str(EMBEDDED_PATH) if model == EMBEDDED else model
    return YardstickEngine(source, engine_options(name, options), read_format(source))


def engine_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's options with the defaults of a benchmark on this machine."""
    return {**(VLLM_ON_CPU if name == "vllm" and not has_gpu() else {}), **options}


def read_format(source: str) -> ThinkingFormat:
    """Return the thinking format of a model that is not loaded."""
    from transformers import AutoTokenizer

    from anytime_server.engines.hf_tokenizer import HFTokenizer

    return ThinkingFormat.resolve(HFTokenizer(AutoTokenizer.from_pretrained(source)))
