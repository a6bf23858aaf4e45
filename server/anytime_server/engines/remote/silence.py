"""Streams that fall silent: their server hangs, or has forgotten them.

A request that has not told anything yet may wait in its server's queue, behind others, for as long as these take. So
it counts as stalled only if nothing comes from where it runs. One that has begun does not wait any more.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Listening:
    """A stream that is read.

    Attributes:
        rank: of its server, that it comes from.
        limit: ends the reading once it is due.
        told: pieces that have come.
        stalled: whether it was broken off for its silence.
    """

    rank: int
    limit: asyncio.Timeout
    told: int = 0
    stalled: bool = False
    _seen: int = 0
    _silent_s: float = 0.0

    def look(self, elapsed_s: float) -> bool:
        """Count the time as silent unless something has come since the last look; return whether something has."""
        spoke, self._seen = self.told != self._seen, self.told
        self._silent_s = 0.0 if spoke else self._silent_s + elapsed_s
        return spoke

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing has come for so long, and it is not broken off yet."""
        return self._silent_s >= seconds and not self.stalled

    def break_off(self) -> None:
        """End the reading at once."""
        self.stalled = True
        self.limit.reschedule(asyncio.get_running_loop().time())


@dataclass(slots=True)
class Silence:
    """Told of one server's streams again and again, says which have stalled.

    Only time in which this process could look counts: one that was stopped itself has heard nothing.
    """

    stall_s: float
    tick_s: float
    _looked: float | None = None
    _silent_s: dict[int, float] = field(default_factory=lambda: defaultdict(float))

    def stalled(self, now: float, streams: Collection[Listening]) -> list[Listening]:
        """Return the streams that have been silent for too long."""
        elapsed_s = 0.0 if self._looked is None else min(now - self._looked, 2 * self.tick_s)
        self._looked = now
        spoke = {stream.rank for stream in streams if stream.look(elapsed_s)}
        for rank in {*self._silent_s, *(stream.rank for stream in streams)}:
            waits = rank not in spoke and any(stream.rank == rank for stream in streams)
            self._silent_s[rank] = self._silent_s[rank] + elapsed_s if waits else 0.0
        return [
            stream
            for stream in streams
            if stream.silent_for(self.stall_s) and (stream.told or self._silent_s[stream.rank] >= self.stall_s)
        ]
