"""Thoughts of the embedded model: is one called a loop, and what does the watch cost beside the thinking?"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anytime_server.controller import (
    BudgetPolicy,
    Phase,
    ThinkingFormat,
    ThinkingRule,
    ThinkingWatch,
    compile_pattern,
    render_prompt,
)
from anytime_server.engines import Engine, EngineRequest, Thinking
from anytime_server.engines.choice import EMBEDDED, create_engine
from anytime_training.problems import synthetic
from anytime_training.problems.tasks import TAUGHT
from harness.measure import Series
from harness.report import Row
from loops_parts.cycles import left_alone

AT_ONCE = 32
"""Thoughts in flight: as many as a busy server has on this model."""

BUDGET = 300
COUNT = (2, 8)
"""Items of a problem."""

ROUNDS = 5
PATTERN = r"(?i)\b(final answer|the answer is)\b"
RULES = {
    "loop": ThinkingRule(loop=True),
    "match": ThinkingRule(pattern=compile_pattern(PATTERN)),
    "loop and match": ThinkingRule(loop=True, pattern=compile_pattern(PATTERN)),
}


@dataclass(frozen=True, slots=True)
class Thoughts:
    """Thinking tokens, what each token spells, and the processor seconds that one token of it took."""

    ids: tuple[tuple[int, ...], ...]
    vocabulary: Sequence[bytes]
    seconds_per_token: float


async def measure(count: int, seed: int) -> tuple[list[Row], list[str]]:
    """Return how many of so many thoughts are closed, and the rules' cost as a share of the thinking's own."""
    made = await _think(count, seed)
    tokens = sum(map(len, made.ids))
    alone, hits = left_alone("thoughts", "thoughts", made.ids)
    rows = [
        alone,
        Row("thoughts", "tokens of a thought", Series((tokens / count,)), "tokens"),
        Row("cost", "thinking, processor time", Series((made.seconds_per_token * 1e6,)), "us/token"),
    ]
    for name, rule in RULES.items():
        own = Series.of(_seconds(made, rule) / tokens for _ in range(ROUNDS))
        share = Series.of(one / made.seconds_per_token for one in own.values)
        rows.append(Row("cost", name, Series.of(one * 1e6 for one in own.values), "us/token"))
        rows.append(Row("cost", f"{name} / thinking", share, "x", bar=0.01, better="lower"))
    return rows, [f"closed: thought {number}" for number in hits]


async def _think(count: int, seed: int) -> Thoughts:
    """Let the embedded model think about `count` problems of its families, at its own temperature."""
    engine = create_engine("transformers", EMBEDDED)
    await engine.start()
    try:
        format = ThinkingFormat.resolve(engine.tokenizer)
        problems = synthetic({family.name: 1.0 for family in TAUGHT}, COUNT, count, seed)
        slots = asyncio.Semaphore(AT_ONCE)
        start = time.process_time()
        ids = await asyncio.gather(
            *(_thought(engine, format, row["prompt"], f"loops-{at}", slots) for at, row in enumerate(problems))
        )
        seconds = time.process_time() - start
    finally:
        await engine.stop()
    return Thoughts(tuple(ids), engine.tokenizer.vocabulary, seconds / max(1, sum(map(len, ids))))


async def _thought(
    engine: Engine, format: ThinkingFormat, messages: Sequence[dict[str, str]], name: str, slots: asyncio.Semaphore
) -> tuple[int, ...]:
    thinking = Thinking(BudgetPolicy(BUDGET), format)
    request = EngineRequest(
        request_id=name,
        prompt_ids=tuple(render_prompt(messages, engine.tokenizer, format)),
        max_tokens=BUDGET,
        sampling=replace(engine.default_sampling, seed=int(name.rpartition("-")[2])),
        thinking=thinking,
        logprobs=False,
    )
    state, ids = thinking.state(), []
    async with slots:
        async for chunk in engine.generate(request):
            for token in chunk.token_ids:
                if state.observe(token) is Phase.THINKING:
                    ids.append(token)
            if state.phase is not Phase.THINKING:
                break
    return tuple(ids)


def _seconds(made: Thoughts, rule: ThinkingRule) -> float:
    """Processor seconds that `rule` takes over all thoughts."""
    start = time.process_time()
    for ids in made.ids:
        watch = ThinkingWatch(rule, made.vocabulary)
        for token in ids:
            watch.observe(token)
    return time.process_time() - start
