"""Tokens per second of an engine without a budget, with ours on every request, and with vLLM's own.

Requests ask for log-probabilities where a session's thinking does: not on vLLM.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from anytime_server.controller import BudgetPolicy
from anytime_server.engines import EngineRequest, Thinking
from harness.measure import Rounds, Series, expect, interleave
from harness.report import Row
from serving_parts.sizes import Load, Sizes
from serving_parts.subject import Subject

NONE, OURS, VLLM, BARE = "no budget", "our budget", "vLLM's own budget", "vLLM alone, no logprobs"
WARM_UP_BUDGET = 8
ANSWER_TOKENS = 8
"""Generated after the closing, so that thinking, closing and answer are all part of the measurement."""

LONGER = "the model ended by itself: measure the random model, or one that thinks for longer"

Generate = Callable[[EngineRequest], Awaitable[list[int]]]


async def measure(subject: Subject, sizes: Sizes) -> list[Row]:
    """Return tokens/s and their ratios at every load."""
    rows: list[Row] = []
    for load in sizes.throughput:
        sides = [NONE, OURS, VLLM, BARE] if subject.engine.name == "vllm" else [NONE, OURS]
        await interleave(
            {side: partial(_run, subject, side, load.streams, WARM_UP_BUDGET) for side in sides}, Rounds(1)
        )
        measured = await interleave(
            {side: partial(_run, subject, side, load.streams, sizes.throughput_budget) for side in sides}, load.rounds
        )
        rows += _rows(subject, load, {side: Series.of(values) for side, values in measured.items()})
    return rows


def _rows(subject: Subject, load: Load, speeds: dict[str, Series]) -> list[Row]:
    section = f"{subject.engine.name}: throughput, {load.streams} at once"
    rows = [Row(section, side, speed, "tokens/s") for side, speed in speeds.items()]
    ratio = speeds[OURS].over(speeds[NONE])
    rows.append(Row(section, f"{OURS} / {NONE}", ratio, "x", bar=0.98, limit=1.0))
    if VLLM in speeds:
        rows.append(Row(section, f"{OURS} / {VLLM}", speeds[OURS].over(speeds[VLLM]), "x", bar=1.0))
        rows.append(Row(section, f"{OURS} / {BARE}", speeds[OURS].over(speeds[BARE]), "x", bar=0.98, limit=1.0))
        rows.append(Row(section, f"{NONE} / {BARE}", speeds[NONE].over(speeds[BARE]), "x", limit=1.0))
    return rows


async def _run(subject: Subject, side: str, streams: int, budget: int) -> float:
    """Run requests that think `budget` tokens, `streams` at once; return tokens per second over all of them."""
    tokens = budget + len(subject.format.closing_ids) + ANSWER_TOKENS
    requests = [_request(subject, side, budget, tokens) for _ in range(streams)]
    generate = _generator(subject, side)
    start = time.perf_counter()
    generated = await asyncio.gather(*map(generate, requests))
    elapsed = time.perf_counter() - start
    for ids in generated:
        expect(f"{side}: tokens generated", len(ids), tokens, LONGER)
        if side in (OURS, VLLM):
            _check_cut(subject, side, ids, budget)
    return streams * tokens / elapsed


def _request(subject: Subject, side: str, budget: int, tokens: int) -> EngineRequest:
    prompt, request_id = subject.new_prompt(), subject.new_id()
    thinking = Thinking(BudgetPolicy(budget), subject.format) if side == OURS else None
    if side == VLLM:
        # vLLM counts what the prompt has after the open marker as thinking.
        subject.yardstick.own_budgets[request_id] = budget + _after_open(prompt, subject.format.open_ids)
    sampling, logprobs = subject.engine.default_sampling, subject.thinks_with_logprobs
    return EngineRequest(request_id, prompt, tokens, sampling, thinking=thinking, logprobs=logprobs)


def _generator(subject: Subject, side: str) -> Generate:
    if side == BARE:
        return subject.yardstick.generate_bare

    async def generate(request: EngineRequest) -> list[int]:
        tokens: list[int] = []
        async for chunk in subject.engine.generate(request):
            tokens.extend(chunk.token_ids)
        return tokens

    return generate


def _check_cut(subject: Subject, side: str, ids: Sequence[int], budget: int) -> None:
    """Check that the budget did its work: the closing stands right behind the last thinking token."""
    closing = subject.format.closing_ids
    expect(f"{side}: tokens after {budget} of thinking", tuple(ids[budget : budget + len(closing)]), closing, LONGER)


def _after_open(prompt: Sequence[int], open_ids: Sequence[int]) -> int:
    ends = range(len(open_ids), len(prompt) + 1)
    last = max(end for end in ends if tuple(prompt[end - len(open_ids) : end]) == tuple(open_ids))
    return len(prompt) - last
