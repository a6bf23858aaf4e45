"""How often an engine is started again, and how soon: five times in ten minutes, each later than the one before."""

from collections import deque


class Restarts:
    """The restarts of late.

    The first comes at once: most deaths are accidents. The waits then double, so that a machine which needs a moment
    (a driver that resets, memory that is freed) gets it.
    """

    MOST = 5
    WINDOW_S = 600.0
    FIRST_WAIT_S = 1.0

    def __init__(self) -> None:
        """Start with none."""
        self._at: deque[float] = deque()

    def wait_s(self, now: float) -> float | None:
        """Return how many seconds to wait before the next restart; None if there were too many of late."""
        while self._at and now - self._at[0] >= self.WINDOW_S:
            self._at.popleft()
        if len(self._at) >= self.MOST:
            return None
        return self.FIRST_WAIT_S * 2 ** (len(self._at) - 1) if self._at else 0.0

    def note(self, now: float) -> None:
        """Count a restart."""
        self._at.append(now)
