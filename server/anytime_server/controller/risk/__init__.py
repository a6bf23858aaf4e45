"""An error rate in place of a threshold: from an evaluation to a rule that stops as early as the rate allows.

    signals       how ready the interim answers so far say one is to stop, or to give up: one number a checkpoint
    control       which threshold on such a signal keeps the rate: distribution-free
    conditions    what a calibration was made for, and what differs from that
    calibration   signals with their levels of error, as the file of `anytime calibrate` keeps them
    rule          the rule of one request

Sources: "Conformal Thinking: Risk Control for Reasoning on a Compute Budget" (arXiv 2602.03814) for the use on
thinking, with a rule for each side (sure, hopeless); Angelopoulos et al., "Conformal Risk Control" (arXiv 2208.02814)
and Bates et al., "Distribution-Free, Risk-Controlling Prediction Sets" (arXiv 2101.02703) for the bounds.
"""

from anytime_server.controller.risk.calibration import Calibration, Side
from anytime_server.controller.risk.conditions import Conditions
from anytime_server.controller.risk.control import allowed_errors, critical_level, lowest_rate, threshold
from anytime_server.controller.risk.rule import Bar, CalibratedRule
from anytime_server.controller.risk.signals import Signal, score, signals_of

__all__ = [
    "Bar",
    "CalibratedRule",
    "Calibration",
    "Conditions",
    "Side",
    "Signal",
    "allowed_errors",
    "critical_level",
    "lowest_rate",
    "score",
    "signals_of",
    "threshold",
]
