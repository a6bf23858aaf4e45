"""How long things take at how much load, as measured lately: what a deadline is judged by before it is promised."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = 64
"""Measurements that count: the latest."""

LATELY_S = 60.0
"""Seconds by which the newest measurement outlives the others: an engine that was slow need not be so any more."""

QUANTILE = 0.9
"""Of how far measurements lie above the line through them; nobody is promised the mean."""

CAUTION = 1.25
"""Factor on what is promised: what comes after may be slower than all that came before."""

END_S = 0.05
"""Seconds from an answer to the end of its run, which must be there by the deadline."""


class Timing:
    """Seconds that one kind of work takes, as a line over how many sessions are in flight.

    Measurements at one load alone tell no slope. Then the time is taken to grow with the load, as on an engine that is
    busy; on one that is not it grows less, which the next measurements tell.
    """

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self._measured: deque[tuple[int, float]] = deque(maxlen=WINDOW)
        self._at: deque[float] = deque(maxlen=WINDOW)

    def note(self, sessions: int, seconds: float, at: float = 0.0) -> None:
        """Take in what it took while so many were in flight, as measured `at` that time."""
        while self._at and self._at[0] < at - LATELY_S:
            self._at.popleft()
            self._measured.popleft()
        self._measured.append((max(1, sessions), seconds))
        self._at.append(at)

    def at(self, sessions: int) -> float | None:
        """Return what it takes, nine times in ten at the most, among so many; None if nothing is measured."""
        if not self._measured:
            return None
        base, slope = self._line()
        above = sorted(seconds / max(1e-9, base + slope * n) for n, seconds in self._measured)
        excess = max(1.0, above[math.ceil(QUANTILE * len(above)) - 1])
        return excess * (base + slope * max(1, sessions))

    def seen_at(self, sessions: int) -> float | None:
        """Return what `at` does, without a guess at more sessions than were measured lately."""
        return self.at(min(sessions, max((n for n, _ in self._measured), default=1)))

    def _line(self) -> tuple[float, float]:
        """The least-squares line, neither falling nor below 0 at no load."""
        count = len(self._measured)
        mean_n = sum(n for n, _ in self._measured) / count
        mean_s = sum(seconds for _, seconds in self._measured) / count
        spread = sum((n - mean_n) ** 2 for n, _ in self._measured)
        steepest = mean_s / mean_n
        if not spread:
            return 0.0, steepest
        slope = sum((n - mean_n) * (seconds - mean_s) for n, seconds in self._measured) / spread
        slope = min(max(slope, 0.0), steepest)
        return mean_s - slope * mean_n, slope


@dataclass(frozen=True, slots=True)
class Promise:
    """A session whose deadline is to be kept, and that has no answer yet.

    Attributes:
        left_s: seconds to its deadline.
        tokens: thinking tokens to its first interim answer, from where it stands; 0 if it will have none.
        begun: whether its first token is there.
    """

    left_s: float
    tokens: int
    begun: bool = False


class Pace:
    """How fast sessions come to an answer: the time to a first token, per thinking token, and of answers.

    A `branch` finds closing and cue in its prompt; a final answer, `short` or `full`, has them generated.
    """

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self.first_token = Timing()
        self.token = Timing()
        self.branch = Timing()
        self.short = Timing()
        self.full = Timing()

    def to_answer_s(self, promise: Promise, sessions: int) -> float | None:
        """Return the seconds until a session's first answer among so many; None if not enough was measured."""
        answer = (self.branch if promise.tokens else self.short).at(sessions)
        token = self.token.at(sessions)
        first = 0.0 if promise.begun else self.first_token.at(sessions)
        if answer is None or first is None or (promise.tokens and token is None):
            return None
        return CAUTION * (first + promise.tokens * (token or 0.0) + answer) + END_S

    def keeps(self, promises: Iterable[Promise], sessions: int) -> bool:
        """Return whether all of them would still be kept if so many sessions were in flight."""
        needs = ((promise.left_s, self.to_answer_s(promise, sessions)) for promise in promises)
        return all(need is None or need <= left for left, need in needs)
