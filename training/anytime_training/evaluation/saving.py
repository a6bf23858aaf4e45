"""What each stopping rule saves at equal accuracy.

Of each kind of rule the setting is taken that thinks the least and loses at most `TOLERANCE` of the accuracy. It is
chosen on one half of the problems and applied to the other, both ways, so that no figure is of problems that chose it.
The error rate needs no choice: it is calibrated on one half at the rate `TOLERANCE`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from anytime_server.controller import CalibratedRule, CalibrationError, Conditions, StoppingRule
from anytime_training.evaluation.calibrating import CHOOSING, calibrate, share_saved, tracks_of
from anytime_training.evaluation.courses import Course, Rule

TOLERANCE = 0.02
"""Accuracy that may be lost."""

NEVER = "never"
STABLE = (2, 3, 4, 5, 6, 8)
CONSENSUS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
CONFIDENCE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Saving:
    """What a rule does to problems that did not choose it.

    Attributes:
        rule: its kind.
        setting: as it was chosen on each half, as in `stop_when`.
        tokens: mean thinking tokens under it; of several trunks those of the longest.
        saved: the share of thinking tokens saved, of what is thought without it.
        change: how much higher the accuracy is than without it.
    """

    rule: str
    setting: str
    tokens: float
    saved: float
    change: float


def savings(courses: Sequence[Course], conditions: Conditions) -> list[Saving]:
    """Return the saving of each kind of rule that can be applied; none if there are too few problems."""
    halves = _halves(courses)
    if not conditions.checkpoints or min(len({_key(course) for course in half}) for half in halves) < CHOOSING:
        return []
    kinds: dict[str, Mapping[str, Rule]] = {
        "stable": {f"stable:{k}": StoppingRule(stable=k) for k in STABLE},
        "confidence": {f"confidence:{c}": StoppingRule(confidence=c) for c in CONFIDENCE},
    }
    if conditions.trunks > 1:
        kinds["consensus"] = {f"consensus:{c}": StoppingRule(consensus=c) for c in CONSENSUS}
    found = [_saving(kind, halves, [_cheapest(rules, half) for half in halves]) for kind, rules in kinds.items()]
    return found + list(_rates(halves, conditions))


def _rates(halves: Sequence[Sequence[Course]], conditions: Conditions) -> Iterator[Saving]:
    """The sides of the error rate, as far as the halves have enough problems for it."""
    made = [calibrate(tracks_of(half), conditions, "", delta=0.05) for half in halves]
    for side, rates in (("risk", (TOLERANCE, None)), ("give_up", (None, TOLERANCE))):
        try:
            rules: list[CalibratedRule] = [one.rule(*rates) for one in made]
        except CalibrationError:
            continue
        yield _saving(side, halves, [(f"{side}:{TOLERANCE}", rule) for rule in rules])


def _halves(courses: Sequence[Course]) -> list[list[Course]]:
    """The courses in two halves of the problems; those of a problem stay together."""
    keys = sorted({_key(course) for course in courses})
    first = set(Random("saving").sample(keys, len(keys) // 2))
    return [[course for course in courses if (_key(course) in first) is side] for side in (True, False)]


def _key(course: Course) -> tuple[str, int]:
    return course.family, course.problem


def _cheapest(rules: Mapping[str, Rule], courses: Sequence[Course]) -> tuple[str, Rule]:
    """The rule that thinks the least among those that lose little; none at all if all lose more."""
    full = fmean(course.right_at_the_end for course in courses)
    kept: dict[str, float] = {}
    for setting, rule in rules.items():
        ends = [course.stopped_by(rule) for course in courses]
        if fmean(right for _, right in ends) >= full - TOLERANCE:
            kept[setting] = fmean(tokens for tokens, _ in ends)
    if not kept:
        return NEVER, StoppingRule()
    chosen = min(kept, key=lambda setting: kept[setting])
    return chosen, rules[chosen]


def _saving(kind: str, halves: Sequence[Sequence[Course]], chosen: Sequence[tuple[str, Rule]]) -> Saving:
    """Apply what each half has chosen to the other."""
    ends = [
        (*course.stopped_by(rule), course)
        for (_, rule), half in zip(chosen, reversed(halves), strict=True)
        for course in half
    ]
    tokens = fmean(spent for spent, _, _ in ends)
    return Saving(
        rule=kind,
        setting=" / ".join(dict.fromkeys(setting for setting, _ in chosen)),
        tokens=tokens,
        saved=share_saved(tokens, fmean(course.length for _, _, course in ends)),
        change=fmean(right for _, right, _ in ends) - fmean(course.right_at_the_end for _, _, course in ends),
    )
