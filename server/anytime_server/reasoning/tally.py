"""Tokens and times of a session as they add up."""

import time
from dataclasses import asdict, dataclass, field

from anytime_client.protocol import Timings, Usage
from anytime_server.engines import Chunk


@dataclass(slots=True)
class Tally:
    """Counts tokens by role. Mutable; one per session."""

    prompt: int = 0
    prompt_cached: int = 0
    thinking: int = 0
    forced: int = 0
    answer: int = 0
    interim: int = 0
    discarded: int = 0
    cached: int = 0
    computed: int = 0

    def prefill(self, chunk: Chunk) -> None:
        """Count the prompt tokens that a chunk reports."""
        self.cached += chunk.cached_tokens
        self.computed += chunk.prompt_tokens - chunk.cached_tokens

    def add(self, other: "Tally") -> None:
        """Add another's counts."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    def usage(self) -> Usage:
        """Return the counts."""
        return Usage(**asdict(self))


def difference(later: Usage, earlier: Usage) -> Usage:
    """Return what was used between two usages of one session."""
    before = earlier.model_dump()
    return Usage(**{name: value - before[name] for name, value in later.model_dump().items()})


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds since a session began, each moment noted once."""

    _start: float = field(default_factory=time.monotonic)
    _marks: dict[str, float] = field(default_factory=dict)

    def elapsed_ms(self) -> float:
        """Return the time since the start."""
        return round((time.monotonic() - self._start) * 1000, 2)

    def mark(self, name: str, *, again: bool = False) -> None:
        """Note the moment `name` (a field of Timings); only the first counts, unless `again`."""
        if again or name not in self._marks:
            self._marks[name] = self.elapsed_ms()

    def timings(self) -> Timings:
        """Return the moments noted."""
        return Timings(**self._marks)
