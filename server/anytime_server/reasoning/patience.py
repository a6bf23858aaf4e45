"""How long a session waits, once its deadline has passed, for an engine that says nothing."""

import asyncio
from collections.abc import Callable

SILENCE_S = 1.0
"""An engine that is merely late says something within this time."""


class Patience:
    """Ends a run, within its `limit`, when the deadline has passed, and the engine has been silent since.

    It has no end while there is no answer to settle for (`may_end`), and without a deadline.
    """

    def __init__(self, at: float | None, may_end: Callable[[], bool]) -> None:
        """Wait until `at` at least, in seconds of the event loop's clock."""
        self._loop = asyncio.get_running_loop()
        self._may_end = may_end
        self._heard_at = 0.0
        self._next = None if at is None else self._loop.call_at(at + SILENCE_S, self._look)
        self._limit: asyncio.Timeout | None = None

    def limit(self) -> asyncio.Timeout:
        """Return the limit of a run: a context that ends with a TimeoutError once the patience is at its end."""
        self._limit = asyncio.timeout(None)
        return self._limit

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
        if self._limit is not None and now - self._heard_at >= SILENCE_S and self._may_end():
            self._next = None
            self._limit.reschedule(now)
        else:
            self._next = self._loop.call_at(now + SILENCE_S, self._look)
