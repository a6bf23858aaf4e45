"""Errors of the study's numbers: what another draw of test problems, and other seeds, would change.

Every model is tested on the same problems, so models are compared problem by problem. A number is the mean of the
families' means; `values` below are lists of one value a problem for each family.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

ByProblem = Mapping[str, Sequence[float]]
"""For each family a value of each problem."""


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


def over_problems(values: ByProblem) -> Estimate:
    """The mean of the families' means, and its standard error over the problems."""
    families = list(values.values())
    spread = sum(_variance(family) / len(family) for family in families if len(family) > 1)
    return Estimate(fmean(map(fmean, families)), sqrt(spread) / len(families))


def mean_of_seeds(seeds: Sequence[ByProblem]) -> dict[str, list[float]]:
    """Each problem's mean over the seeds."""
    return {
        family: [sum(right) / len(seeds) for right in zip(*(one[family] for one in seeds), strict=True)]
        for family in seeds[0]
    }


def seeds_error(seeds: Sequence[ByProblem]) -> float:
    """The standard error of the mean over seeds by the seeds' spread; 0 for a single seed, which has none to show."""
    return spread_of_seeds(seeds) / sqrt(len(seeds))


def spread_of_seeds(seeds: Sequence[ByProblem]) -> float:
    """The standard deviation over seeds."""
    return stdev(over_problems(one).value for one in seeds) if len(seeds) > 1 else 0.0


def gap(ours: Sequence[ByProblem], theirs: Sequence[ByProblem]) -> Estimate:
    """How much better `ours` is than `theirs`, each a run for each seed, and the gap's error.

    With d_i the difference of the arms' means over seeds on problem i, sd(d) / sqrt(n) is the error by the draw of
    problems; it is joined, as a root of the sum of squares, with each arm's spread over seeds / sqrt(seeds). A little
    is counted twice, since seeds differ by sampling, too.
    """
    left, right = mean_of_seeds(ours), mean_of_seeds(theirs)
    differences = {family: [a - b for a, b in zip(left[family], right[family], strict=True)] for family in left}
    found = over_problems(differences)
    return Estimate(found.value, sqrt(found.error**2 + seeds_error(ours) ** 2 + seeds_error(theirs) ** 2))


def _variance(values: Sequence[float]) -> float:
    """The sample variance; quicker than that of the standard library, which adds up exactly."""
    middle = fmean(values)
    return sum((value - middle) ** 2 for value in values) / (len(values) - 1)
