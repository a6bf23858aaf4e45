"""When thinking must be closed for a short answer to be there by a deadline."""

import asyncio
from collections.abc import Callable

LARGEST_SHARE = 0.5
"""Of the time to the deadline that is kept for the answer at the most, however slow the engine seems."""


class Deadline:
    """Calls `close` at the deadline at the latest, and at the first `observe` that leaves just the time to answer.

    That time is what `answer_tokens()` tokens take at the speed that the thinking had so far.
    """

    def __init__(self, after_s: float | None, close: Callable[[], None], answer_tokens: Callable[[], int]) -> None:
        """Count from now, on the running event loop. None is no deadline."""
        self._loop = asyncio.get_running_loop()
        self._close = close
        self._answer_tokens = answer_tokens
        self._first_token_at: float | None = None
        self._most_kept_s = (after_s or 0) * LARGEST_SHARE
        self.at = None if after_s is None else self._loop.time() + after_s
        """On the event loop's clock; None if there is none, or if it was lifted."""
        self._latest = None if after_s is None else self._loop.call_later(after_s, close)

    @property
    def passed(self) -> bool:
        """Whether the deadline itself lies behind."""
        return self.at is not None and self._loop.time() >= self.at

    def observe(self, thought: int) -> None:
        """Take in that the thinking has `thought` tokens."""
        if self.at is None:
            return
        now = self._loop.time()
        if self._first_token_at is None:
            self._first_token_at = now
        seconds_per_token = (now - self._first_token_at) / max(1, thought - 1)
        if now + min(self._answer_tokens() * seconds_per_token, self._most_kept_s) >= self.at:
            self._close()

    def lift(self) -> None:
        """Be no deadline from now on."""
        self.at = None
        if self._latest is not None:
            self._latest.cancel()
