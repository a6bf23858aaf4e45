"""Several asynchronous iterators as one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
END = object()


async def merged(sources: Sequence[AsyncIterator[T]]) -> AsyncIterator[tuple[int, T]]:
    """Yield what each source yields, as it comes, with the number of the source; end when all have."""
    if len(sources) == 1:
        # Nearly always: there is nothing to wait for side by side, and a task per item costs as much as all the rest.
        async for item in sources[0]:
            yield 0, item
        return
    waiting = {_next(source): index for index, source in enumerate(sources)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                index, item = waiting.pop(future), future.result()
                if item is not END:
                    waiting[_next(sources[index])] = index
                    yield index, item
    finally:
        for future in waiting:
            future.cancel()


def _next(source: AsyncIterator[Any]) -> "asyncio.Future[Any]":
    return asyncio.ensure_future(anext(source, END))
