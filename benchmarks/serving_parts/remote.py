"""Tokens per second of the remote engine, beside the engine in this process on the same model.

The server behind the remote engine is a process of its own: `anytime worker`, or vLLM's own server for vLLM. Both sides
are asked turn by turn; one is idle meanwhile. They get the same requests: thinking under a budget, closing, answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from anytime_server.controller import BudgetPolicy
from anytime_server.engines import Engine, EngineRequest, Thinking
from anytime_server.engines.choice import create_engine
from anytime_server.engines.remote.inspection import PROCESSOR
from harness.measure import Rounds, Series, expect, interleave
from harness.report import Row
from serving_parts.processes import anytime_command, spawned, vllm_command
from serving_parts.sizes import Load, Sizes
from serving_parts.subject import HOST, Subject, engine_options

HERE, THERE = "in process", "remote"
BAR = 0.95
ANSWER_TOKENS = 8
WARM_UP_BUDGET = 8
LONGER = "the model ended by itself: measure the random model, or one that thinks for longer"
SERVER = ("--enable-scale-out", "--enable-prompt-tokens-details", "--logits-processors", PROCESSOR)


async def measure(engine: str, model: str, options: Mapping[str, Any], subject: Subject, sizes: Sizes) -> list[Row]:
    """Return tokens/s of both sides and their ratio at every load."""
    rows: list[Row] = []
    async with _remote(engine, model, options) as there:
        sides = {HERE: subject.engine, THERE: there}
        for load in sizes.throughput:
            await _interleaved(subject, sides, load.streams, WARM_UP_BUDGET, Rounds(1))
            measured = await _interleaved(subject, sides, load.streams, sizes.throughput_budget, load.rounds)
            rows += _rows(engine, load, {side: Series.of(values) for side, values in measured.items()})
    return rows


async def _interleaved(
    subject: Subject, sides: Mapping[str, Engine], streams: int, budget: int, rounds: Rounds
) -> dict[str, list[float]]:
    return await interleave(
        {name: partial(_run, subject, name, engine, streams, budget) for name, engine in sides.items()}, rounds
    )


@asynccontextmanager
async def _remote(engine: str, model: str, options: Mapping[str, Any]) -> AsyncIterator[Engine]:
    """Start a server of `model`, and the remote engine in front of it."""
    own = engine_options(engine, options)

    def command(port: int) -> list[str]:
        if engine == "vllm":
            return [*vllm_command(model, port, own), *SERVER]
        return anytime_command(engine, model, port, own, command="worker")

    with spawned(f"the server of {engine}", command) as server:
        # Waiting for it blocks, and nothing else runs meanwhile.
        server.connect(lambda connection: connection.request("GET", "/health")).read()
        remote = create_engine("remote", model, urls=[f"http://{HOST}:{server.port}"])
        await remote.start()
        try:
            yield remote
        finally:
            await remote.stop()


async def _run(subject: Subject, side: str, engine: Engine, streams: int, budget: int) -> float:
    """Run requests that think `budget` tokens, `streams` at once; return tokens per second over all of them."""
    tokens = budget + len(subject.format.closing_ids) + ANSWER_TOKENS
    requests = [_request(subject, budget, tokens) for _ in range(streams)]
    start = time.perf_counter()
    generated = await asyncio.gather(*(_count(engine, request) for request in requests))
    elapsed = time.perf_counter() - start
    for count in generated:
        expect(f"{side}: tokens generated", count, tokens, LONGER)
    return streams * tokens / elapsed


def _request(subject: Subject, budget: int, tokens: int) -> EngineRequest:
    return EngineRequest(
        subject.new_id(),
        subject.new_prompt(),
        tokens,
        subject.engine.default_sampling,
        thinking=Thinking(BudgetPolicy(budget), subject.format),
        logprobs=subject.thinks_with_logprobs,
    )


async def _count(engine: Engine, request: EngineRequest) -> int:
    count = 0
    async for chunk in engine.generate(request):
        count += len(chunk.token_ids)
    return count


def _rows(engine: str, load: Load, speeds: Mapping[str, Series]) -> list[Row]:
    section = f"{engine}: remote engine, {load.streams} at once"
    ratio = speeds[THERE].over(speeds[HERE])
    return [
        *(Row(section, side, speed, "tokens/s") for side, speed in speeds.items()),
        Row(section, f"{THERE} / {HERE}", ratio, "x", bar=BAR),
    ]
