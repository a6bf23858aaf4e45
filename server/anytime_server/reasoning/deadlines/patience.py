"""How a run ends at its deadline: with the latest interim answer, if the final one is not there.

A full answer that has begun is waited for, as long as the engine says something.
"""

import asyncio
from collections.abc import Awaitable, Callable

SILENCE_S = 1.0
"""An engine that is merely late says something within this time."""

MARGIN_S = 0.05
"""Before the deadline, for the end of a run: its requests are aborted, its document is made."""

LARGEST_MARGIN = 0.1
"""Of the time to the deadline, likewise."""

LOOK_S = 0.01
"""Seconds between two looks for an answer that is late."""


class Patience:
    """Ends a run at the deadline; later if there is nothing to settle for until then.

    `may_settle` says whether there is an interim answer, `answers` whether a full final one has begun. Without a
    deadline there is no end.
    """

    def __init__(self, left_s: float | None, may_settle: Callable[[], bool], answers: Callable[[], bool]) -> None:
        """Wait for so many seconds from now, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._may_settle = may_settle
        self._answers = answers
        self._heard_at = 0.0
        self._next: asyncio.TimerHandle | None = None
        self._limit: asyncio.Timeout | None = None
        self.margin_s = 0.0 if left_s is None else min(MARGIN_S, left_s * LARGEST_MARGIN)
        """Seconds before the deadline at which it looks for an answer."""
        if left_s is not None:
            self._next = self._loop.call_later(left_s - self.margin_s, self._look)

    async def run(self, go_on: Callable[[asyncio.TaskGroup], Awaitable[bool]]) -> bool:
        """Call `go_on` until there is nothing left to do; return whether it came to that before the patience ended.

        Raises:
            Exception: what `go_on` raises, or a task of its group; alone or in a group.
        """
        self._limit = asyncio.timeout(None)
        try:
            async with self._limit, asyncio.TaskGroup() as group:
                while await go_on(group):
                    pass
        except TimeoutError:
            return False
        return True

    def heard(self) -> None:
        """Note that the engine has said something."""
        if self._next is not None:
            self._heard_at = self._loop.time()

    def end(self) -> None:
        """Be no limit from now on."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        now = self._loop.time()
        goes_on = self._answers() and now - self._heard_at < SILENCE_S
        if self._limit is not None and self._may_settle() and not goes_on:
            self._next = None
            self._limit.reschedule(now)
        else:
            self._next = self._loop.call_later(LOOK_S, self._look)
