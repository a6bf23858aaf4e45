"""Who reads a session, and what happens once nobody does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Audience:
    """Counts readers; calls `abandoned` once the last one has left and stayed away for the grace.

    A session that nobody has begun to read is not abandoned. Without a grace (None) it never is.
    """

    def __init__(self, grace_s: float | None, abandoned: Callable[[], None]) -> None:
        """Start without readers."""
        self._grace_s = grace_s
        self._abandoned = abandoned
        self._readers = 0
        self._leaving: asyncio.TimerHandle | None = None

    @property
    def readers(self) -> int:
        """How many there are now."""
        return self._readers

    def expect(self, within_s: float) -> None:
        """Give readers so many seconds at least to come: they were cut off, and don't know where to come to."""
        if self._grace_s is not None and self._readers == 0:
            grace_s = max(self._grace_s, within_s)
            self._leaving = asyncio.get_running_loop().call_later(grace_s, self._abandoned)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Be a reader within the block."""
        self._readers += 1
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        try:
            yield
        finally:
            self._readers -= 1
            if self._readers == 0:
                self._last_left()

    def _last_left(self) -> None:
        if self._grace_s == 0:
            self._abandoned()
        elif self._grace_s is not None:
            self._leaving = asyncio.get_running_loop().call_later(self._grace_s, self._abandoned)
