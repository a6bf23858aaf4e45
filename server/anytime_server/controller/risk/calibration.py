"""A calibration: what the file of `anytime calibrate` holds, and the rules that it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from anytime_server.controller.errors import CalibrationError
from anytime_server.controller.risk.conditions import LEFT_OUT, NAMES, START_FIELDS, Conditions
from anytime_server.controller.risk.control import lowest_rate, threshold
from anytime_server.controller.risk.rule import Bar, CalibratedRule
from anytime_server.controller.risk.signals import Signal, signals_of

VERSION = 1
MAX_CHECKPOINTS = 256


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the rule: a signal, and the critical levels of the problems that it can make wrong, highest first."""

    signal: Signal
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of a model's errors by stopping, from `problems` problems of `data`.

    `delta` is the chance that these problems were kinder than those to come.
    """

    conditions: Conditions
    data: str
    problems: int
    delta: float
    risk: Side
    give_up: Side

    @property
    def lowest_rate(self) -> float:
        """The lowest rate that so many problems can vouch for, rounded up to three digits."""
        return ceil(lowest_rate(self.problems, self.delta) * 1000) / 1000

    def rule(self, risk: float | None, give_up: float | None) -> CalibratedRule:
        """Return the rule that stops as early as these rates allow; None leaves a side out.

        Raises:
            CalibrationError: if there were too few problems to vouch for a rate.
        """
        return CalibratedRule(
            self._bar("risk", self.risk, risk),
            self._bar("give_up", self.give_up, give_up),
            self.conditions.checkpoints,
        )

    def _bar(self, name: str, side: Side, rate: float | None) -> Bar | None:
        if rate is None:
            return None
        found = threshold(side.levels, self.problems, rate, self.delta)
        if found is None:
            raise CalibrationError(
                f"{name} {rate}: the calibration's {self.problems} problems vouch for rates from {self.lowest_rate} "
                "on; ask for that, or calibrate on more problems"
            )
        return Bar(side.signal, found)

    def as_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, document: Any) -> "Calibration":
        """Read what a file holds.

        Raises:
            CalibrationError: if it is no calibration, naming the key at fault.
        """
        if not isinstance(document, dict) or document.get("version") != VERSION:
            raise CalibrationError(f"it is no calibration of version {VERSION}; make one with anytime calibrate")
        try:
            conditions = _conditions(document["conditions"])
            signals = signals_of(conditions.trunks)
            return cls(
                conditions=conditions,
                data=str(document["data"]),
                problems=_whole("problems", document["problems"]),
                delta=_delta(document["delta"]),
                risk=_side("risk", document["risk"], signals["risk"]),
                give_up=_side("give_up", document["give_up"], signals["give_up"]),
            )
        except KeyError as error:
            raise CalibrationError(f"the key {error} is missing; make the file with anytime calibrate") from None
        except (AttributeError, TypeError) as error:
            raise CalibrationError(
                f"it is not laid out as a calibration ({error}); make one with anytime calibrate"
            ) from None


def _conditions(value: Mapping[str, Any]) -> Conditions:
    conditions = Conditions(**{name: value[name] for name in NAMES if name in value or name not in LEFT_OUT})
    if not all(isinstance(getattr(conditions, name), str) for name in START_FIELDS):
        raise CalibrationError(f"conditions: {', '.join(START_FIELDS)} must be texts")
    points = conditions.checkpoints
    ascend = all(isinstance(at, int) for at in points) and all(a < b for a, b in pairwise(points))
    if not (points and ascend and len(points) <= MAX_CHECKPOINTS):
        raise CalibrationError(f"conditions.checkpoints must be 1 to {MAX_CHECKPOINTS} ascending numbers of tokens")
    return conditions


def _side(name: str, value: Mapping[str, Any], signals: Sequence[Signal]) -> Side:
    if value["signal"] not in signals:
        raise CalibrationError(f"{name}.signal {value['signal']!r}: must be one of {', '.join(signals)}")
    levels = value["levels"]
    if any(later > one for one, later in pairwise(levels)):
        raise CalibrationError(f"{name}.levels must go down")
    return Side(Signal(value["signal"]), tuple(map(float, levels)))


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise CalibrationError(f"{name} must be a number of at least 1, not {value!r}")
    return value


def _delta(value: object) -> float:
    if not isinstance(value, float) or not 0 < value < 1:
        raise CalibrationError(f"delta must lie between 0 and 1, not {value!r}")
    return value
