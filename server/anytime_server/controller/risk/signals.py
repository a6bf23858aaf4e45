"""How ready a session is to stop, as one number at each checkpoint: a rule stops where it passes a threshold.

Two say that the answer is sure, two that thinking on is hopeless. Those of the second kind grow with the tokens spent:
the bar that an answer has to clear rises, as the lower threshold of arXiv 2602.03814 does. All are at least 0.
"""

from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean

from anytime_server.controller.stopping import InterimVerdict

SMALLEST_CONFIDENCE = 1e-6
"""Tokens per confidence are finite above it."""


class Signal(StrEnum):
    """What is looked at."""

    CONFIDENCE = "confidence"
    STABLE = "stable"
    UNSURE = "unsure"
    UNSETTLED = "unsettled"


SURE_SIGNALS = (Signal.STABLE, Signal.CONFIDENCE)
GIVE_UP_SIGNALS = (Signal.UNSETTLED, Signal.UNSURE)


def score(signal: Signal, verdicts: Sequence[InterimVerdict]) -> float:
    """Return the signal at the last of the interim answers so far, which are in checkpoint order.

    - confidence: of the latest answer, 0..1;
    - stable: for how many checkpoints it has stood; among equals its confidence decides;
    - unsettled: thinking tokens spent for each checkpoint that it has stood;
    - unsure: thinking tokens spent, divided by the mean confidence so far.
    """
    latest = verdicts[-1]
    match signal:
        case Signal.CONFIDENCE:
            return latest.confidence
        case Signal.STABLE:
            return latest.stable_for + latest.confidence
        case Signal.UNSETTLED:
            return latest.at / latest.stable_for
        case Signal.UNSURE:
            return latest.at / max(SMALLEST_CONFIDENCE, fmean(verdict.confidence for verdict in verdicts))
