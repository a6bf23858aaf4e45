"""Tokens and times of a session as they add up."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from anytime_client.protocol import Timings, Usage
from anytime_server.engines import Chunk


@dataclass(slots=True)
class Tally:
    """Counts tokens by role. Mutable; one per session."""

    prompt: int = 0
    prompt_cached: int = 0
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

    def usage(self, thinking: int) -> Usage:
        """Return the counts of a session whose trunk has so many tokens."""
        return Usage(**asdict(self), thinking=thinking)

    def restore(self, counts: Sequence[int]) -> None:
        """Take over what `counts` returned."""
        for name, value in zip(COUNTS, counts, strict=True):
            setattr(self, name, value)

    def counts(self) -> list[int]:
        """Return the counts, in the order of their fields."""
        return [getattr(self, name) for name in COUNTS]


COUNTS = tuple(field.name for field in fields(Tally))


def total(usages: Sequence[Usage]) -> Usage:
    """Return what several trunks of one session have used: they share a prompt, and think side by side."""
    first, *_ = usages
    sums = {name: sum(getattr(usage, name) for usage in usages) for name in (*COUNTS, "thinking")}
    shared = {"prompt": first.prompt, "prompt_cached": first.prompt_cached}
    return Usage(**{**sums, **shared}, sequential=max(usage.thinking for usage in usages))


def difference(later: Usage, earlier: Usage) -> Usage:
    """Return what was used between two usages of one session."""
    before = earlier.model_dump()
    return Usage(**{name: value - before.get(name, 0) for name, value in later.model_dump().items()})


class Stopwatch:
    """Milliseconds since a session began, each moment noted once."""

    def __init__(self, began_at: float | None) -> None:
        """Count from `began_at`, in seconds of the wall clock; None is now."""
        self.began_at = time.time() if began_at is None else began_at
        # The wall clock may be set meanwhile, so it is looked at once.
        self._start = time.monotonic() - max(0.0, time.time() - self.began_at)
        self.marks: dict[str, float] = {}

    def elapsed_ms(self) -> float:
        """Return the time since the start."""
        return round((time.monotonic() - self._start) * 1000, 2)

    def mark(self, name: str, *, again: bool = False) -> None:
        """Note the moment `name` (a field of Timings); only the first counts, unless `again`."""
        if again or name not in self.marks:
            self.marks[name] = self.elapsed_ms()

    def timings(self) -> Timings:
        """Return the moments noted."""
        return Timings(**self.marks)
