"""How long a command waits for a server, and how soon a person hears that it does."""

import asyncio
from collections.abc import Callable
from typing import Self

import httpx

TIMEOUT = httpx.Timeout(45.0, connect=2.0)
"""A person at a terminal is told soon that nobody is there. Who is there may take its time to begin a session."""
LISTING_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
"""For what a server has at hand."""
QUIET_S = 3.0
"""Seconds without an answer after which a person is told."""


class Silence:
    """Within its `with` block a person is told of a server that is waited for: once, until it answers."""

    def __init__(self, tell: Callable[[], None]) -> None:
        """Call `tell` when it has taken long."""
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        """Begin to wait."""
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait no more."""
        self.end()

    def begin(self) -> None:
        """Wait for an answer, from now on or as before."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._tell)

    def end(self) -> None:
        """Take note of an answer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
