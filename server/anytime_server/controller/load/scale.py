"""How much of what is asked for can be granted now: one number, moved by whether work waits.

    scale <- scale * decrease                                         if the engine is pressed
    scale <- scale * decrease ** max(1, queue * waiting / running)    if it was so at the last look, too (running >= 8)
    scale <- min(1, scale + increase * growth ** k)                   if it has not been for k looks

Additive increase and multiplicative decrease share a bottleneck without knowing its capacity (Chiu and Jain, Computer
Networks and ISDN Systems 17, 1989). It needs no model of the engine, and "something waits" is enough of a signal. The
increase grows while nothing waits, so that small steps around the right scale and a quick return go together. The
decrease grows with a queue that stays: where sessions are over within a few looks, steps of one size would let it
outgrow everybody's patience before the scale had come down. What one look alone finds may be a burst on its way in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

KV_FULL = 0.95
"""Share of the KV cache from which on an engine is about to put requests off."""

PASSING = 1 / 16
"""Requests, for each that runs, which may be on their way into the engine: they wait for a step, and not for a slot."""

FEW = 8
"""Requests that run, at least, which a queue is measured by: what waits for the next step beside one or two is none."""

LOOKS = 20
"""Looks while a session thinks, where sessions are so short that a tick is too long for that."""

SHORTEST_S = 0.05
"""Seconds between two looks, at least."""

NOTHING = 0.02
"""A scale so small is 0: what is above the floors is less than a rounding."""


@dataclass(frozen=True, slots=True)
class LoadSignals:
    """What an engine says of itself at one moment.

    Attributes:
        running: requests that take part in its steps.
        waiting: requests that wait for their first one.
        kv_in_use: share of the KV cache that requests hold, 0 to 1.
        rates: thinking tokens per second of each session that thinks.
        session_s: seconds for which a session thinks that uses up its budget; None if nobody knows yet.
    """

    running: int
    waiting: int
    kv_in_use: float = 0.0
    rates: Sequence[float] = ()
    session_s: float | None = None


@dataclass(frozen=True, slots=True)
class LoadPolicy:
    """How the scale moves.

    Attributes:
        floor: share of a requested budget that is granted however pressed the engine is.
        target_rate: thinking tokens per second below which the median session is too slow; None looks at no rates.
        tick_s: seconds between two looks, at most: sessions that are short for it are looked at more often.
        decrease: factor of a tick under pressure.
        queue: how many such factors a queue that stays is worth if it is as long as what runs; one at the least.
        increase: what the first tick without adds.
        growth: factor of the next such ticks' increases; from nothing to all takes 6 seconds.
    """

    floor: float = 0.25
    target_rate: float | None = None
    tick_s: float = 0.5
    decrease: float = 0.92
    queue: float = 4.0
    increase: float = 0.01
    growth: float = 1.4

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.floor <= 1:
            raise ValueError(f"floor must be between 0 and 1, not {self.floor}")
        if self.target_rate is not None and self.target_rate <= 0:
            raise ValueError(f"target_rate must be above 0, not {self.target_rate}")

    def pressed(self, signals: LoadSignals) -> bool:
        """Return whether the engine has more to do than it can."""
        slow = self.target_rate is not None and bool(signals.rates) and median(signals.rates) < self.target_rate
        queued = signals.waiting > PASSING * signals.running
        return queued or signals.kv_in_use > KV_FULL or slow

    def look_s(self, signals: LoadSignals) -> float:
        """Return the seconds from these signals to the next look."""
        session_s = self.tick_s * LOOKS if signals.session_s is None else signals.session_s
        return min(self.tick_s, max(SHORTEST_S, session_s / LOOKS))

    def lowered(self, scale: float, signals: LoadSignals, *, again: bool) -> float:
        """Return what a scale falls to in a tick under pressure; `again`, if the tick before was, too."""
        queue = self.queue * signals.waiting / max(FEW, signals.running) if again else 0.0
        smaller = scale * self.decrease ** max(1.0, queue)
        return smaller if smaller > NOTHING else 0.0


class LoadScale:
    """The scale of one engine: 1 grants everything, 0 the floors alone."""

    def __init__(self, policy: LoadPolicy) -> None:
        """Begin by granting everything."""
        self.policy = policy
        self.value = 1.0
        self.exhausted = False
        """Whether the floors alone are granted, and more waits than runs: no more of it fits."""
        self.pressed = False
        self.look_s = policy.tick_s
        """Seconds to the next look."""
        self._relieved = 0
        self._looked_at: float | None = None

    def observe(self, now: float, signals: LoadSignals) -> float:
        """Take in what the engine says at `now` (seconds of any clock), and return the scale.

        It moves once a look, however often it is called.
        """
        if self._looked_at is not None and now - self._looked_at < self.look_s * 0.5:
            return self.value
        self._looked_at, self.look_s = now, self.policy.look_s(signals)
        again, self.pressed = self.pressed, self.policy.pressed(signals)
        if self.pressed:
            self._relieved = 0
            self.value = self.policy.lowered(self.value, signals, again=again)
        else:
            step = self.policy.increase * self.policy.growth**self._relieved
            self._relieved += self.value < 1
            self.value = min(1.0, self.value + step)
        self.exhausted = self.value == 0 and signals.waiting > signals.running
        return self.value
