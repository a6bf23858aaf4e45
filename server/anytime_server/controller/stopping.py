"""Rules that end thinking early because the interim answers say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anytime_server.controller.risk import CalibratedRule

AGREED_FOR = 2
"""Checkpoints in a row at which trunks must agree."""
DONE, MAJORITY = 2, 0.5
"""So many trunks that are done are enough where more than this share of the weight is with them."""


class StopReason(StrEnum):
    """Why thinking ended."""

    NATURAL = "natural"
    BUDGET = "budget"
    DEADLINE = "deadline"
    STABLE = "stable"
    ANSWER_NOW = "answer_now"
    LOAD = "load"
    CONSENSUS = "consensus"
    FIRST = "first"
    PRUNED = "pruned"
    LOOP = "loop"
    MATCH = "match"
    RISK = "risk"
    GIVE_UP = "give_up"


DONE_BY = frozenset({StopReason.NATURAL, StopReason.MATCH})
"""Why the thinking of a trunk has ended that is done: it has closed its thinking, or has come to the pattern it is for.

The rules over several trunks (`consensus` and `first`) trust a trunk that is done more than one that is not, as it has
thought all it wanted to: short-m@k takes the first thoughts to *finish* (arXiv 2505.17813). One whose share of the
budget is spent, that the load has cut, or that goes round in circles would have said more, or nothing new. It votes
with what it has, but is not done. When no trunk thinks any more, it is over without these rules.
"""


@dataclass(frozen=True, slots=True)
class InterimVerdict:
    """What the rules look at: one interim answer.

    Attributes:
        confidence: how sure of it the model is, 0..1.
        stable_for: checkpoints that it has stood for.
        at: thinking tokens that it knew.
        consensus: of a vote over several trunks, its share of their weight, 0..1; None if one trunk has said it.
        done: how many of the trunks that have said it were done by then (`DONE_BY`).
    """

    confidence: float
    stable_for: int
    at: int = 0
    consensus: float | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """The answer has settled: it has stood for `stable` checkpoints, or has reached `confidence` (None: never).

    Or so large a share of the trunks' weight as `consensus` is for it, at two checkpoints in a row: trunks that have
    thought little may agree by chance, or in their first guess. Two trunks that are done know more: with a majority
    behind them they end it, as a vote that is taken one by one ends once it is decided (arXiv 2305.11860). Or a
    `calibrated` rule says to stop, which comes with a file of `anytime calibrate`.
    """

    stable: int | None = None
    confidence: float | None = None
    consensus: float | None = None
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
        if self._agreed(verdicts):
            return StopReason.CONSENSUS
        return None if self.calibrated is None else self.calibrated(verdicts)

    def _agreed(self, verdicts: Sequence[InterimVerdict]) -> bool:
        latest = verdicts[-1]
        if self.consensus is None or latest.consensus is None:
            return False
        if latest.done >= DONE and latest.consensus > MAJORITY:
            return True
        return latest.stable_for >= AGREED_FOR and all(
            (verdict.consensus or 0.0) >= self.consensus for verdict in verdicts[-AGREED_FOR:]
        )
