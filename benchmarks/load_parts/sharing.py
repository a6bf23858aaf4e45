"""Fair share: a client with one session beside a client with many."""

import asyncio
from statistics import median

from anytime_server.engines import Engine
from anytime_server.reasoning import ReasonSettings
from harness.measure import Series
from harness.report import Row
from load_parts.deadlines import first_answer_ms
from load_parts.sizes import Sizes
from load_parts.subject import begin, problems, reasoner_over


async def measure(engine: Engine, sizes: Sizes) -> list[Row]:
    """Return the time to the first interim answer alone, and beside the crowd, with fair turns."""
    alone = await times(engine, sizes, 0)
    beside = await times(engine, sizes, sizes.crowd)
    ratio = Series((median(beside) / median(alone),))
    return [
        Row("fair share", "first interim answer, alone", Series.of(alone), "ms"),
        Row("fair share", f"... beside {sizes.crowd} sessions of another key", Series.of(beside), "ms"),
        Row("fair share", "beside / alone", ratio, "x", bar=2.0, better="lower"),
    ]


async def times(engine: Engine, sizes: Sizes, crowd: int) -> list[float]:
    """Return the milliseconds of each probe, while so many sessions of another client run or wait."""
    asked, probes = problems("crowd"), problems("probes")
    async with reasoner_over(engine, sizes.slots, ReasonSettings(weights={})) as reasoner:

        async def keep_asking() -> None:
            while True:
                await begin(reasoner, next(asked), client="many", budget=sizes.budget, checkpoints={"every": 24}).wait()

        crowded = [asyncio.create_task(keep_asking()) for _ in range(crowd)]
        await asyncio.sleep(1.0)
        measured = [await first_answer_ms(reasoner, next(probes)) for _ in range(sizes.probes)]
        for task in crowded:
            task.cancel()
        await asyncio.gather(*crowded, return_exceptions=True)
    return measured
