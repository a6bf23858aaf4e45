"""When an engine hangs: it has requests, and has made no step for too long."""

STALL_S = 120.0
"""The longest step there is, with room: a piece of a long prompt on a CPU, or a kernel compiled on the way."""

LOOK_S = 1.0
"""How often the engine is looked at, while nobody who waits for its tokens would notice."""


def look_every_s(stall_s: float) -> float:
    """Return how often to look for a stall of so many seconds."""
    return min(LOOK_S, stall_s / 4)


class StallWatch:
    """Told of the engine again and again, it says when it hangs.

    Only time in which this process could look counts: a process that was stopped itself, or whose event loop was held
    up, has seen nothing.
    """

    def __init__(self, stall_s: float, tick_s: float) -> None:
        """Call it a hang after `stall_s` without a step, when looking about every `tick_s`."""
        self._stall_s = stall_s
        self._most_s = 2 * tick_s
        self._looked: float | None = None
        self._steps = -1
        self._still_s = 0.0

    def hangs(self, now: float, steps: int, unfinished: int) -> bool:
        """Take in how many steps the engine has made, and how many requests it has; say whether it hangs."""
        elapsed = 0.0 if self._looked is None else min(now - self._looked, self._most_s)
        self._looked = now
        works = steps != self._steps or not unfinished
        self._steps = steps
        self._still_s = 0.0 if works else self._still_s + elapsed
        return self._still_s >= self._stall_s
