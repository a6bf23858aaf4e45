"""What is measured: reasoners over one engine, each with its own gate and its own settings."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Engine
from anytime_server.engines.choice import create_engine
from anytime_server.engines.gate import Gate
from anytime_server.engines.gated import Gated
from anytime_server.reasoning import Reasoner, ReasonSettings, Session
from anytime_training.problems import tasks
from anytime_training.problems.tasks import Problem

FAMILIES = ("largest", "smallest", "closest", "sums")
COUNT = (2, 8)
MANY = 10_000


@asynccontextmanager
async def started(engine_name: str, model: str, options: dict[str, Any]) -> AsyncIterator[Engine]:
    """Start an engine for a while."""
    engine = create_engine(engine_name, model, options)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


@asynccontextmanager
async def reasoner_over(engine: Engine, slots: int, settings: ReasonSettings) -> AsyncIterator[Reasoner]:
    """Serve on a started engine behind a gate of its own, with room for whoever comes."""
    settings = replace(settings, max_sessions=MANY, kept_sessions=1)
    reasoner = Reasoner(Gated.over(engine, Gate(slots)), ThinkingFormat.resolve(engine.tokenizer), settings)
    await reasoner.start()
    try:
        yield reasoner
    finally:
        await reasoner.drain(0.0)


def problems(seed: str) -> Iterator[Problem]:
    """Draw problems of the embedded model's families without end; the same seed gives the same."""
    rng = Random(f"load/{seed}")
    while True:
        yield tasks.sample(rng, rng.choice(FAMILIES), COUNT)


def begin(reasoner: Reasoner, problem: Problem, client: str = "", **fields: Any) -> Session:
    """Begin a session that answers a problem.

    Raises:
        Overloaded: if it is not admitted.
    """
    request = ReasonRequest(prompt=problem.prompt, answer="short", background=True, **fields)
    return reasoner.admit(replace(reasoner.plan(request), client=client))
