"""Questions that come whether or not earlier ones are answered, at a multiple of what the engine can do."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean

from anytime_server.controller.load import AccuracyCurve, LoadPolicy
from anytime_server.engines import Engine
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_training.problems import tasks
from harness.measure import Series
from harness.report import Row
from load_parts.sizes import Sizes
from load_parts.subject import begin, problems, reasoner_over

PATIENCE = 2.0
"""How long whoever asks waits, in times of what a session takes in a full engine with no queue."""

MOST_WAIT = 4.0
"""After the last arrival, in the same times: what is not answered by then is late anyway."""

LOW_FLOOR = 0.1
"""Of an arm that may go as low as the lowest of the single budgets; the usual floor, a quarter, may not."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the engine can do at full budgets, all slots taken: sessions a second, and the seconds of one."""

    rate: float
    session_s: float


@dataclass(slots=True)
class Outcome:
    """What became of the questions of one arm."""

    seconds: float
    asked: int = 0
    refused: int = 0
    in_time: int = 0
    right: int = 0

    @property
    def rate(self) -> float:
        """Right answers in time per second."""
        return self.right / self.seconds


async def measure_capacity(engine: Engine, sizes: Sizes) -> Capacity:
    """Keep all slots taken for a while, by as many askers."""
    took: list[float] = []
    async with reasoner_over(engine, sizes.slots, ReasonSettings()) as reasoner:
        began = time.perf_counter()

        async def ask(number: int) -> None:
            for problem in problems(f"capacity/{number}"):
                since = time.perf_counter()
                await begin(reasoner, problem, budget=sizes.budget, checkpoints=[]).wait()
                took.append(time.perf_counter() - since)
                if time.perf_counter() - began > sizes.seconds:
                    return

        await asyncio.gather(*(ask(number) for number in range(sizes.slots)))
        return Capacity(len(took) / (time.perf_counter() - began), fmean(took))


async def measure(engine: Engine, sizes: Sizes, curve: AccuracyCurve | None) -> list[Row]:
    """Return the rows of all arms at all loads."""
    capacity = await measure_capacity(engine, sizes)
    rows = [Row("load", "capacity at full budgets", Series((capacity.rate,)), "sessions/s")]
    for load in sizes.loads:
        outcomes = {name: await run(engine, sizes, capacity, load, arm) for name, arm in arms(sizes, curve).items()}
        rows += rows_of(load, outcomes)
    return rows


def arms(sizes: Sizes, curve: AccuracyCurve | None) -> Mapping[str, ReasonSettings]:
    """Return what is compared: plain admission, single budgets, and budgets that follow the load."""
    static = {f"at most {budget}": ReasonSettings(max_budget=budget) for budget in sizes.static}
    adaptive, deep = ReasonSettings(load=LoadPolicy()), ReasonSettings(load=LoadPolicy(floor=LOW_FLOOR))
    floored = {"load-aware": adaptive, f"load-aware, floor {LOW_FLOOR:g}": deep}
    by_curve = {} if curve is None else {f"load-aware, floor {LOW_FLOOR:g}, by curve": replace(deep, curve=curve)}
    return {"plain": ReasonSettings(), **static, **floored, **by_curve}


async def run(engine: Engine, sizes: Sizes, capacity: Capacity, load: float, settings: ReasonSettings) -> Outcome:
    """Ask at random moments, the same ones and the same questions for every arm."""
    outcome, random_, questions = Outcome(sizes.seconds), Random(f"arrivals/{load}"), problems(f"asked/{load}")
    patience_s = PATIENCE * capacity.session_s
    async with reasoner_over(engine, sizes.slots, settings) as reasoner:
        began, at, waiting = time.perf_counter(), 0.0, []
        while (at := at + random_.expovariate(load * capacity.rate)) < sizes.seconds:
            problem = next(questions)
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            waiting.append(asyncio.create_task(_ask(reasoner, problem, sizes.budget, began + at + patience_s, outcome)))
        _, pending = await asyncio.wait(waiting, timeout=MOST_WAIT * patience_s)
        for task in pending:
            task.cancel()
    return outcome


async def _ask(reasoner: Reasoner, problem: tasks.Problem, budget: int, until: float, outcome: Outcome) -> None:
    outcome.asked += 1
    try:
        session = begin(reasoner, problem, budget=budget, checkpoints={"every": 24})
    except Overloaded:
        outcome.refused += 1
        return
    document = await session.wait()
    if time.perf_counter() <= until and document.answer is not None:
        outcome.in_time += 1
        outcome.right += tasks.verify(problem, document.answer.text)


def rows_of(load: float, outcomes: Mapping[str, Outcome]) -> list[Row]:
    """Return a row for each arm, and the ratios that have bars at twice the capacity."""
    section = f"load {load:g}x"
    rows = [
        Row(section, f"{name} ({one.in_time} of {one.asked} in time)", Series((one.rate,)), "right/s")
        for name, one in outcomes.items()
    ]
    static = max(one.rate for name, one in outcomes.items() if name.startswith("at most"))
    hard = load == 2.0
    for name, one in outcomes.items():
        if name.startswith("load-aware"):
            plain = Series((one.rate / max(1e-9, outcomes["plain"].rate),))
            rows.append(Row(section, f"{name} / plain", plain, "x", bar=1.5 if hard else None))
            best = Series((one.rate / max(1e-9, static),))
            rows.append(Row(section, f"{name} / best single budget", best, "x", bar=1.15 if hard else None))
    return rows
