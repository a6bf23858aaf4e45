"""From the courses of an evaluation to a calibration, and what it is worth on problems that it has not seen.

A fifth of the problems, drawn by the seed, chooses the signal of each side: the one that saves the most tokens at
`CHOICE_RATE`. The others give the levels. So the choice takes nothing from what the levels promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from statistics import fmean

from anytime_server.controller import Calibration, Conditions
from anytime_server.controller.risk import Side, Signal, critical_level, score, signals_of, threshold
from anytime_server.controller.risk.control import threshold_of
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.courses import Course

DIGITS = 6
"""Of a level in a file, rounded up: a higher level stops later."""

CHOICE_RATE = 0.05
CHOOSING = 5
"""One problem of so many chooses the signals."""

SIDES = ("risk", "give_up")


@dataclass(frozen=True, slots=True)
class Track:
    """A course as numbers: each signal at every checkpoint, and its critical level."""

    course: Course
    scores: dict[Signal, tuple[float, ...]]
    levels: dict[Signal, float | None]

    @classmethod
    def of(cls, course: Course) -> "Track":
        """Compute all signals once."""
        counts = range(1, len(course.verdicts) + 1)
        scores = {signal: tuple(score(signal, course.verdicts[:count]) for count in counts) for signal in Signal}
        levels = {
            signal: critical_level(found, course.right, course.right_at_the_end) for signal, found in scores.items()
        }
        return cls(course, scores, levels)

    def stopped_above(self, signal: Signal, bar: float) -> tuple[int, bool]:
        """Return the thinking tokens spent, and whether the answer is right, where a signal stops above a bar."""
        for index, found in enumerate(self.scores[signal]):
            if found > bar:
                return self.course.verdicts[index].at, self.course.right[index]
        return self.course.length, self.course.right_at_the_end


def tracks_of(courses: Sequence[Course]) -> list[Track]:
    """Return one track a problem: its first rollout. Others are no fresh draw."""
    first: dict[tuple[str, int], Course] = {}
    for course in courses:
        first.setdefault((course.family, course.problem), course)
    return [Track.of(course) for course in first.values()]


def calibrate(tracks: Sequence[Track], conditions: Conditions, data: str, delta: float, seed: int = 1) -> Calibration:
    """Return the calibration of a model from tracks of different problems.

    Args:
        tracks: under `conditions`, on `data`.
        conditions: what the calibration will be good for.
        data: what was asked, in words.
        delta: the chance that these problems are kinder than those to come.
        seed: of the draw of the problems that choose the signals.

    Raises:
        EvaluationError: if there are too few problems, or no checkpoint to stop at.
    """
    if len(tracks) < CHOOSING:
        raise EvaluationError(f"{len(tracks)} problems are too few to calibrate on; evaluate some hundred")
    if not conditions.checkpoints:
        raise EvaluationError("there is no checkpoint below the largest budget: give anytime eval several --budgets")
    shuffled = Random(f"calibration/{seed}").sample(list(tracks), len(tracks))
    choosing, rest = shuffled[: len(tracks) // CHOOSING], shuffled[len(tracks) // CHOOSING :]
    signals = signals_of(conditions.trunks)
    sides = {name: _side(_chosen(choosing, signals[name]), rest) for name in SIDES}
    return Calibration(conditions, data, len(rest), delta, sides["risk"], sides["give_up"])


def _chosen(tracks: Sequence[Track], signals: Sequence[Signal]) -> Signal:
    """The signal that saves the most tokens, at as many errors as the rate is of these problems."""

    def tokens(signal: Signal) -> float:
        levels = _levels(signal, tracks)
        bar = threshold_of(levels, int(CHOICE_RATE * len(tracks)))
        return fmean(track.stopped_above(signal, bar)[0] for track in tracks)

    return min(signals, key=tokens)


def _side(signal: Signal, tracks: Sequence[Track]) -> Side:
    scale = 10**DIGITS
    return Side(signal, tuple(ceil(level * scale) / scale for level in _levels(signal, tracks)))


def _levels(signal: Signal, tracks: Sequence[Track]) -> list[float]:
    found = (track.levels[signal] for track in tracks)
    return sorted((level for level in found if level is not None), reverse=True)


@dataclass(frozen=True, slots=True)
class Tried:
    """What one side of a calibration did to problems that it had not seen.

    Attributes:
        wrong: the share of answers that became wrong by stopping.
        gained: the share that became right.
        tokens: mean thinking tokens under the rule.
        length: mean thinking tokens without it.
    """

    wrong: float
    gained: float
    tokens: float
    length: float


def try_out(calibration: Calibration, side: str, rate: float, tracks: Sequence[Track]) -> Tried | None:
    """Apply one side of a calibration at a rate to other tracks; None if it can't vouch for the rate."""
    chosen: Side = getattr(calibration, side)
    bar = threshold(chosen.levels, calibration.problems, rate, calibration.delta)
    if bar is None:
        return None
    ends = [track.stopped_above(chosen.signal, bar) for track in tracks]
    pairs = [(right, track.course.right_at_the_end) for (_, right), track in zip(ends, tracks, strict=True)]
    return Tried(
        wrong=fmean(full and not right for right, full in pairs),
        gained=fmean(right and not full for right, full in pairs),
        tokens=fmean(tokens for tokens, _ in ends),
        length=fmean(track.course.length for track in tracks),
    )


@dataclass(frozen=True, slots=True)
class Splits:
    """A side at a rate over many random halves: calibrated on one, tried on the other.

    Attributes:
        side: `risk` or `give_up`.
        rate: the share of answers that may become wrong.
        kept: the share of splits in which no more became wrong; None if the halves are too small for the rate.
        kept_net: the share in which the accuracy fell by no more: answers that became right make up for others.
        wrong, gained: means over the splits, as of `Tried`.
        saved: the share of thinking tokens saved, of what is thought without the rule.
        saved_of_budget: the same of the whole budget, which also counts what natural ends save. Of several trunks, the
            tokens are those of the longest, and the budget is its share.
    """

    side: str
    rate: float
    kept: float | None
    kept_net: float | None = None
    wrong: float = 0.0
    gained: float = 0.0
    saved: float = 0.0
    saved_of_budget: float = 0.0


def try_splits(
    tracks: Sequence[Track], conditions: Conditions, rates: Sequence[float], count: int, delta: float, seed: int = 1
) -> list[Splits]:
    """Split the problems into random halves `count` times; calibrate on one half, try the rates on the other."""
    if len(tracks) // 2 < CHOOSING:
        return [Splits(side, rate, None) for side in SIDES for rate in rates]
    rng = Random(f"splits/{seed}")
    tried: dict[tuple[str, float], list[Tried]] = {(side, rate): [] for side in SIDES for rate in rates}
    for split in range(count):
        shuffled = rng.sample(list(tracks), len(tracks))
        half = len(tracks) // 2
        calibration = calibrate(shuffled[:half], conditions, "", delta, split)
        for (side, rate), found in tried.items():
            if (one := try_out(calibration, side, rate, shuffled[half:])) is not None:
                found.append(one)
    share = conditions.budget // conditions.trunks
    return [_summed(side, rate, found, share) for (side, rate), found in tried.items()]


def share_saved(tokens: float, length: float) -> float:
    """The share of `length` tokens of thinking that `tokens` save; where nothing is thought, nothing is saved."""
    return 1 - tokens / length if length else 0.0


def _summed(side: str, rate: float, tried: Sequence[Tried], budget: int) -> Splits:
    if not tried:
        return Splits(side, rate, None)
    return Splits(
        side=side,
        rate=rate,
        kept=fmean(one.wrong <= rate for one in tried),
        kept_net=fmean(one.wrong - one.gained <= rate for one in tried),
        wrong=fmean(one.wrong for one in tried),
        gained=fmean(one.gained for one in tried),
        saved=share_saved(fmean(one.tokens for one in tried), fmean(one.length for one in tried)),
        saved_of_budget=1 - fmean(one.tokens for one in tried) / budget,
    )
