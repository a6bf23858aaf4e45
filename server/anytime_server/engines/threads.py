"""Work in a thread that outlives nobody."""

import asyncio
from collections.abc import Callable

HURRY_S = 0.1
"""Between two times that work is hurried: the first may have come too early."""


async def to_its_end(work: Callable[[], None], hurry: Callable[[], None] = lambda: None) -> None:
    """Run `work` in a thread. A thread can't be ended, so a cancellation waits for it, and may `hurry` it."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            hurry()
            await asyncio.wait([working], timeout=HURRY_S)
        working.exception()
        raise
