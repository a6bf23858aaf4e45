"""Means with 95 % confidence intervals whose sampling unit is the problem.

The samples of one problem are alike, so they are a cluster: everything here starts from one value per problem, the mean
over its samples. A mean over families weighs each family the same (a stratum).

- Accuracy: Wilson's score interval (Wilson 1927) with the effective sample size p (1 - p) / v of the design (Kish 1965;
  Franco, Little, Louis and Slud 2019, "Comparative Study of Confidence Intervals for Proportions in Complex Sample
  Surveys"), where v is the variance of the mean over problems. With one sample a problem v = p (1 - p) / n, so it is
  Wilson's interval itself. The effective size is at most the number of answers. Where all problems have the same value,
  nothing tells how alike the samples of one are, and each problem counts once.
- Anytime Index (arXiv 2601.11038): the area under the best accuracy so far, divided by the best of all.
- Calibration error: how far the confidence in answers is from the share of them that is right (arXiv 1706.04599).
- Area: the mean over problems of each problem's area, +- 1.96 standard errors, cut to [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, pvariance, variance

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean in [0, 1] and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def accuracy(families: Sequence[Sequence[float]], samples: int) -> Estimate:
    """Estimate the mean over families of the mean over problems of `families[f][problem]`, in [0, 1]."""
    mean = fmean(fmean(values) for values in families)
    spread = sum(pvariance(values) / len(values) for values in families) / len(families) ** 2
    problems = sum(map(len, families))
    return wilson(mean, _effective_size(mean, spread, samples * problems) if spread > 0 else problems)


def wilson(mean: float, size: float) -> Estimate:
    """Wilson's score interval of a proportion among `size` independent answers."""
    scale = 1 + Z**2 / size
    centre = (mean + Z**2 / (2 * size)) / scale
    half = Z / scale * (mean * (1 - mean) / size + Z**2 / (4 * size**2)) ** 0.5
    return Estimate(mean, max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half)))


def area(families: Sequence[Sequence[float]]) -> Estimate:
    """Estimate the mean area from one area per problem; a family of one problem tells nothing of the error."""
    mean = fmean(fmean(values) for values in families)
    if min(map(len, families)) < 2:
        return Estimate(mean, 0.0, 1.0)
    error = sum(variance(values) / len(values) for values in families) ** 0.5 / len(families)
    return Estimate(mean, max(0.0, mean - Z * error), min(1.0, mean + Z * error))


def area_under(budgets: Sequence[int], values: Sequence[float]) -> float:
    """The area under a line through `values`, by the trapezoid rule over budgets, divided by their range.

    A single budget has no range: its area is its value.
    """
    if len(budgets) == 1:
        return values[0]
    steps = zip(pairwise(budgets), pairwise(values), strict=True)
    return sum((b - a) * (v + w) / 2 for (a, b), (v, w) in steps) / (budgets[-1] - budgets[0])


def anytime_index(budgets: Sequence[int], values: Sequence[float]) -> float:
    """How early a model is as good as it gets, in [0, 1]: 1 if it is so from the first budget on; 0 if it never is.

    With Q*_t the best of the `values` up to budget t and Q_max that of all, it is the area under Q* by the trapezoid
    rule over the range of budgets, divided by Q_max (arXiv 2601.11038).
    """
    best = list(accumulate(values, max))
    return area_under(budgets, best) / best[-1] if best[-1] > 0 else 0.0


def calibration_error(confidences: Sequence[float], right: Sequence[float]) -> float:
    """The expected calibration error of answers, in [0, 1]: 0 if of those given with confidence p a share p is right.

    Answers are binned by confidence, in `CALIBRATION_BINS` bins of equal width; the error of a bin is the distance of
    its mean confidence and the share in it that is right, and bins count by their answers (arXiv 1706.04599).
    """
    bins: dict[int, list[float]] = {}
    for confidence, reward in zip(confidences, right, strict=True):
        place = min(int(confidence * CALIBRATION_BINS), CALIBRATION_BINS - 1)
        bins.setdefault(place, []).append(confidence - reward)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(confidences)


def _effective_size(mean: float, spread: float, answers: int) -> float:
    return min(float(answers), mean * (1 - mean) / spread)
