"""Deadlines under load: of those that were admitted, how many were missed."""

import asyncio
import time
from random import Random

from anytime_server.controller.load import LoadPolicy
from anytime_server.engines import Engine
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_training.problems.tasks import Problem
from harness.measure import Series
from harness.report import Row
from load_parts.open_loop import measure_capacity
from load_parts.sizes import Sizes
from load_parts.subject import begin, problems, reasoner_over

CHECKPOINT = 24
TIGHTEST, WIDEST = 1.5, 6.0
"""Deadlines, in times of what the first interim answer takes alone."""

LOAD = 2.0


async def measure(engine: Engine, sizes: Sizes) -> list[Row]:
    """Return how many deadlines were missed, by how much at the most, and how many were not promised."""
    capacity = await measure_capacity(engine, sizes)
    random_, questions = Random("deadlines"), problems("deadlines")
    lateness: list[float] = []
    refused = 0
    async with reasoner_over(engine, sizes.slots, ReasonSettings(load=LoadPolicy())) as reasoner:
        alone_ms = await first_answer_ms(reasoner, next(questions))
        waiting = []
        while len(waiting) < sizes.promised:
            await asyncio.sleep(random_.expovariate(LOAD * capacity.rate))
            deadline_ms = round(alone_ms * random_.uniform(TIGHTEST, WIDEST))
            try:
                session = begin(
                    reasoner, next(questions), budget=sizes.budget, checkpoints=[CHECKPOINT], deadline_ms=deadline_ms
                )
            except Overloaded:
                refused += 1
                continue
            waiting.append(asyncio.create_task(session.wait()))
            waiting[-1].add_done_callback(
                lambda task, most=deadline_ms: lateness.append((task.result().timings.total_ms or 0.0) - most)
            )
        await asyncio.gather(*waiting)
        await asyncio.sleep(0)
    missed = sum(late > 0 for late in lateness)
    return [
        Row("deadlines", "first interim answer, alone", Series((alone_ms,)), "ms"),
        Row("deadlines", f"kept of {len(lateness)}", Series((1 - missed / len(lateness),)), "share", bar=1.0),
        Row("deadlines", "latest, after its deadline", Series((max(lateness),)), "ms"),
        Row("deadlines", "refused beside them", Series((float(refused),)), ""),
    ]


async def first_answer_ms(reasoner: Reasoner, problem: Problem) -> float:
    """Return the milliseconds to a session's first interim answer, with nothing beside it."""
    began = time.perf_counter()
    session = begin(reasoner, problem, budget=2 * CHECKPOINT, min_budget=2 * CHECKPOINT, checkpoints=[CHECKPOINT])
    async for _ in session.log.read():
        if session.document().checkpoints:
            break
    passed_ms = (time.perf_counter() - began) * 1000
    await session.wait()
    return passed_ms
