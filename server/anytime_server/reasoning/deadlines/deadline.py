"""When thinking must be closed for an answer to be there by a deadline."""

import asyncio
import math
from collections.abc import Callable

LARGEST_SHARE = 0.5
"""Of the time to the deadline that is kept for the answer at the most, however slow the engine seems."""

SOONER = 0.01
"""Seconds: a timer this much too early has nothing to wait for any more."""


class Deadline:
    """Calls `close` once there is just the time to answer left: seen by a timer, and at every token.

    That time is what `answer_s(seconds_per_token)` says, given the speed that the thinking had so far.
    """

    def __init__(self, after_s: float | None, close: Callable[[], None], answer_s: Callable[[float], float]) -> None:
        """Count from now, on the running event loop. None is no deadline."""
        self._loop = asyncio.get_running_loop()
        self._close = close
        self._answer_s = answer_s
        self._first_token_at: float | None = None
        self._seconds_per_token = 0.0
        self._most_kept_s = (after_s or 0) * LARGEST_SHARE
        self.at = None if after_s is None else self._loop.time() + after_s
        """On the event loop's clock; None if there is none, or if it was lifted."""
        self._timer: asyncio.TimerHandle | None = None
        if after_s is not None:
            self._timer = self._loop.call_later(after_s - self._most_kept_s, self._look)

    @property
    def passed(self) -> bool:
        """Whether the deadline itself lies behind."""
        return self.at is not None and self._loop.time() >= self.at

    @property
    def left_s(self) -> float:
        """Seconds to it; infinite if there is none."""
        return math.inf if self.at is None else self.at - self._loop.time()

    def observe(self, thought: int) -> None:
        """Take in that the thinking has `thought` tokens."""
        if self.at is None:
            return
        now = self._loop.time()
        if self._first_token_at is None:
            self._first_token_at = now
        self._seconds_per_token = (now - self._first_token_at) / max(1, thought - 1)
        if now + self._kept_s() >= self.at:
            self._close()

    def lift(self) -> None:
        """Be no deadline from now on."""
        self.at = None
        if self._timer is not None:
            self._timer.cancel()

    def _kept_s(self) -> float:
        return min(self._answer_s(self._seconds_per_token), self._most_kept_s)

    def _look(self) -> None:
        """Close, unless there is more time left than the answer takes now."""
        if self.at is None:
            return
        left_s = self.at - self._kept_s() - self._loop.time()
        if left_s <= SOONER:
            self._close()
        else:
            self._timer = self._loop.call_later(left_s, self._look)
