"""Rules that end thinking early because the interim answers say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anytime_server.controller.risk import CalibratedRule


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
    RISK = "risk"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class InterimVerdict:
    """What the rules look at: one interim answer's confidence, for how many checkpoints it has stood, and where it is.

    `at` counts thinking tokens.
    """

    confidence: float
    stable_for: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """The answer has settled: it has stood for `stable` checkpoints, or has reached `confidence` (None: never).

    Or a `calibrated` rule says to stop, which comes with a file of `anytime calibrate`.
    """

    stable: int | None = None
    confidence: float | None = None
    calibrated: "CalibratedRule | None" = None

    def __call__(self, verdicts: Sequence[InterimVerdict]) -> StopReason | None:
        """Judge the interim answers so far, in checkpoint order."""
        if not verdicts:
            return None
        latest = verdicts[-1]
        stood = self.stable is not None and latest.stable_for >= self.stable
        sure = self.confidence is not None and latest.confidence >= self.confidence
        if stood or sure:
            return StopReason.STABLE
        return None if self.calibrated is None else self.calibrated(verdicts)
