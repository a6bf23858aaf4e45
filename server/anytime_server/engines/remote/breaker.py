"""Whether a server is asked: one that failed is left alone for a while, then probed, and asked again if that goes well.

    closed --(a failure)--> open --(its time is over)--> half-open --(the probe succeeds)--> closed
                             ^                               |
                             +-------(the probe fails)-------+

The time doubles with each failure up to a bound, with jitter, so that many clients don't come back at once. It starts
anew only when the server has served a whole request: one that answers its probes and breaks its streams stays slow to
come back. What a client did wrong (4xx) is no failure of a server.
"""

import random
import time
from collections.abc import Callable
from enum import StrEnum

FIRST_S = 0.25
LONGEST_S = 10.0


class State(StrEnum):
    """Whether requests go there."""

    closed = "closed"
    open = "open"
    half_open = "half-open"


class Breaker:
    """The state of one server. Time and chance can be set for tests."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        """Start closed: innocent."""
        self.state = State.closed
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._until = 0.0

    @property
    def remaining_s(self) -> float:
        """Seconds until an open breaker may be probed."""
        return max(0.0, self._until - self._clock())

    def failed(self, at_least_s: float = 0.0) -> None:
        """Leave the server alone, for `at_least_s` if it asked for that. More failures of an open one are the same."""
        if self.state is State.open:
            self._until = max(self._until, self._clock() + at_least_s)
            return
        longest = min(LONGEST_S, FIRST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)
        self._until = self._clock() + max(at_least_s, longest * (0.5 + self._chance() / 2))
        self.state = State.open

    def probe(self) -> None:
        """Begin the one probe of an open breaker whose time is over."""
        assert self.state is State.open and not self.remaining_s
        self.state = State.half_open

    def recovered(self) -> None:
        """Ask the server again: its probe went well, unless something else failed meanwhile."""
        if self.state is State.half_open:
            self.state = State.closed

    def served(self) -> None:
        """Forget past failures: the server has served a whole request."""
        if self.state is State.closed:
            self._failures = 0
