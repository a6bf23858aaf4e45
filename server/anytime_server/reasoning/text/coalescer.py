"""Merges text deltas that come faster than a reader needs."""

import asyncio
from collections.abc import Callable


class Coalescer:
    """Moves new text from `pull` to `publish` at most every `interval_s` seconds, and never later than that.

    Text that comes after a quiet interval is published at once. Pulling is left to the moment of publishing, so that
    tokens are decoded a few at a time.
    """

    def __init__(self, pull: Callable[[], str], publish: Callable[[str], None], interval_s: float) -> None:
        """Work on the running event loop."""
        self._pull = pull
        self._publish = publish
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.TimerHandle | None = None
        self._last_flush = float("-inf")

    def touch(self) -> None:
        """Note that there is something new to pull."""
        if self._due is not None:
            return
        wait = self._last_flush + self._interval_s - self._loop.time()
        if wait <= 0:
            self.flush()
        else:
            self._due = self._loop.call_later(wait, self.flush)

    def flush(self) -> None:
        """Publish what is new."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if text := self._pull():
            self._last_flush = self._loop.time()
            self._publish(text)
