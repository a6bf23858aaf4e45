"""How ready a session is to stop, as one number at each checkpoint: a rule stops where it passes a threshold.

Some say that the answer is sure, one of them of votes only; two say that thinking on is hopeless. Those of the last
kind grow with the tokens spent: the bar that an answer has to clear rises, as the lower threshold of arXiv 2602.03814
does. All are at least 0.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import fmean

from anytime_server.controller.stopping import InterimVerdict

SMALLEST_CONFIDENCE = 1e-6
"""Tokens per confidence are finite above it."""


class Signal(StrEnum):
    """What is looked at."""

    CONFIDENCE = "confidence"
    STABLE = "stable"
    DONE = "done"
    UNSURE = "unsure"
    UNSETTLED = "unsettled"


SURE = (Signal.STABLE, Signal.CONFIDENCE)
SURE_BY_VOTE = (*SURE, Signal.DONE)
HOPELESS = (Signal.UNSETTLED, Signal.UNSURE)


def signals_of(trunks: int) -> Mapping[str, Sequence[Signal]]:
    """Return what each side of a calibration, `risk` and `give_up`, can look at if so many trunks think."""
    return {"risk": SURE if trunks == 1 else SURE_BY_VOTE, "give_up": HOPELESS}


def score(signal: Signal, verdicts: Sequence[InterimVerdict]) -> float:
    """Return the signal at the last of the interim answers so far, which are in checkpoint order.

    - confidence: of the latest answer, 0..1;
    - stable: for how many checkpoints it has stood; among equals its confidence decides;
    - done: how many of the trunks for it are done; among equals its confidence decides;
    - unsettled: thinking tokens spent for each checkpoint that it has stood;
    - unsure: thinking tokens spent, divided by the mean confidence so far.
    """
    latest = verdicts[-1]
    match signal:
        case Signal.CONFIDENCE:
            return latest.confidence
        case Signal.STABLE:
            return latest.stable_for + latest.confidence
        case Signal.DONE:
            return latest.done + latest.confidence
        case Signal.UNSETTLED:
            return latest.at / latest.stable_for
        case Signal.UNSURE:
            return latest.at / max(SMALLEST_CONFIDENCE, fmean(verdict.confidence for verdict in verdicts))
