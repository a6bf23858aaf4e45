"""The rule of one request: thresholds that a calibration gives for the rates it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.risk.signals import Signal, score
from anytime_server.controller.stopping import InterimVerdict, StopReason


@dataclass(frozen=True, slots=True)
class Bar:
    """A signal, and the threshold above which it says stop."""

    signal: Signal
    threshold: float

    def passed(self, verdicts: Sequence[InterimVerdict]) -> bool:
        """Whether the interim answers so far pass it."""
        return score(self.signal, verdicts) > self.threshold


@dataclass(frozen=True, slots=True)
class CalibratedRule:
    """Stop where the answer is sure, or where thinking on is hopeless; None leaves a side out.

    Each side keeps its own rate. A session that both could stop is stopped by the first, so that together they make
    at most the sum of their rates wrong. At other checkpoints than those of the calibration, which come with an
    extension, neither acts.
    """

    sure: Bar | None
    hopeless: Bar | None
    checkpoints: tuple[int, ...]

    def __call__(self, verdicts: Sequence[InterimVerdict]) -> StopReason | None:
        """Judge the interim answers so far, at least one, in checkpoint order."""
        if verdicts[-1].at not in self.checkpoints:
            return None
        if self.sure is not None and self.sure.passed(verdicts):
            return StopReason.RISK
        if self.hopeless is not None and self.hopeless.passed(verdicts):
            return StopReason.GIVE_UP
        return None
