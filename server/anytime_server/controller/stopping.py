"""Rules that end thinking early because the interim answers say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class StopReason(StrEnum):
    """Why thinking ended."""

    NATURAL = "natural"
    BUDGET = "budget"
    DEADLINE = "deadline"
    STABLE = "stable"
    ANSWER_NOW = "answer_now"
    LOAD = "load"
    LOOP = "loop"
    MATCH = "match"


@dataclass(frozen=True, slots=True)
class InterimVerdict:
    """What the rules look at: one interim answer's confidence, and for how many checkpoints it has stood."""

    confidence: float
    stable_for: int


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """The answer has settled: it has stood for `stable` checkpoints, or has reached `confidence` (None: never)."""

    stable: int | None = None
    confidence: float | None = None

    def __call__(self, verdicts: Sequence[InterimVerdict]) -> StopReason | None:
        """Judge the interim answers so far, in checkpoint order."""
        if not verdicts:
            return None
        latest = verdicts[-1]
        stood = self.stable is not None and latest.stable_for >= self.stable
        sure = self.confidence is not None and latest.confidence >= self.confidence
        return StopReason.STABLE if stood or sure else None
