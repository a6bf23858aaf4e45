"""Requests that are being planned: rendered and tokenized, in threads."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Protocol, TypeVar

from anytime_client.protocol import StructuredOutputs
from anytime_server.errors import Draining

Made = TypeVar("Made")

COMPILING_THREADS = 2
"""Requests for structured answers that are planned at once; the others wait."""

LARGE_BYTES = 2**17
"""Larger requests take a moment to plan."""


class Asked(Protocol):
    """A request that plans are made of."""

    @property
    def structured_outputs(self) -> StructuredOutputs | None:
        """What the answer is held to."""

    def model_dump_json(self, *, include: set[str]) -> str:
        """Return these fields, those that it has, as JSON."""


class Planning:
    """Plans requests in threads; `clients` tells how many sessions will come of them: they hold their slots already.

    Of the large ones one is planned at a time, so that small ones find a thread and the memory is bounded. What answers
    are held to is compiled in threads of its own: plain requests pass by.
    """

    def __init__(self) -> None:
        """Start with nothing to plan."""
        self._turn = asyncio.Semaphore(1)
        self._compiling = ThreadPoolExecutor(COMPILING_THREADS, thread_name_prefix="compiling")
        self._closed = asyncio.Event()
        self.clients: Counter[str] = Counter()

    @property
    def sessions(self) -> int:
        """How many sessions will come of what is being planned."""
        return self.clients.total()

    async def plan(self, make: Callable[[], Made], asked: Asked, sessions: int, client: str) -> Made:
        """Return what `make` makes of `asked` in a thread: the plans of so many sessions of a client.

        Raises:
            InvalidRequest: if it can't be honoured.
            Draining: once plans are wanted no more.
        """
        self.clients[client] += sessions
        planning, closed = asyncio.create_task(self._plan(make, asked)), asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait([planning, closed], return_when=asyncio.FIRST_COMPLETED)
            if not planning.done():
                raise Draining
            return planning.result()
        finally:
            planning.cancel()
            closed.cancel()
            self.clients[client] -= sessions

    def close(self) -> None:
        """Give up what is being planned. A thread can't be stopped: what it makes is let go."""
        self._closed.set()

    async def _plan(self, make: Callable[[], Made], asked: Asked) -> Made:
        async with self._turn if _is_large(asked) else nullcontext():
            threads = self._compiling if asked.structured_outputs is not None else None
            return await asyncio.get_running_loop().run_in_executor(threads, make)


def _is_large(asked: Asked) -> bool:
    return len(asked.model_dump_json(include={"prompt", "messages", "tools"})) > LARGE_BYTES
