r"""Which threshold keeps an error rate, whatever the data are distributed like.

Each of n problems has a loss at each threshold: 1 if its answer, right when it thinks to the end, is wrong where the
rule would stop it; else 0. A lower threshold stops earlier, but an answer may be wrong at one checkpoint and right at
an earlier one, so the loss need not grow. Risk control needs one that does. So the loss at a threshold is taken as the
largest of all thresholds at or above it (a cumulative maximum). It is never below the actual loss, so what bounds it
bounds that. It jumps once, from 0 to 1, at the problem's *critical level*.

With R the share of problems whose critical level is at or above a threshold, and a the rate asked for, the lowest
threshold is taken at which both hold:

- (n R + 1) / (n + 1) <= a: then the expected loss of another problem is at most a (conformal risk control,
  arXiv 2208.02814, theorem 1; the loss is at most 1 and monotone);
- P[Binomial(n, a) <= n R] <= delta: then, with probability 1 - delta over the problems that were drawn, the loss among
  all others is at most a (the exact binomial bound of arXiv 2101.02703; thresholds are tried from the strictest on).

Both assume that those problems and the ones to come are exchangeable: drawn alike, asked alike.
"""

from collections.abc import Sequence
from math import exp, expm1, lgamma, log, log1p

BELOW_ALL = -1.0
"""A threshold that every score passes."""


def critical_level(scores: Sequence[float], right: Sequence[bool], right_at_the_end: bool) -> float | None:
    """Return the highest threshold at which the rule makes a problem's answer wrong; None if none does.

    Args:
        scores: at each checkpoint that the thinking reached.
        right: whether the interim answer there is.
        right_at_the_end: whether the answer is when the thinking goes on to its end.
    """
    if not right_at_the_end:
        return None
    highest, level = BELOW_ALL, None
    for score, is_right in zip(scores, right, strict=True):
        if score > highest:  # else an earlier checkpoint has stopped whatever this one would
            highest = score
            level = level if is_right else score
    return level


def allowed_errors(n: int, rate: float, delta: float) -> int | None:
    """Return how many of `n` problems may go wrong, so that `rate` holds as above; None if `n` is too small for any."""
    allowed = None
    below = 0.0
    for errors in range(n + 1):
        below += _binomial(errors, n, rate)
        if below > delta or errors + 1 > rate * (n + 1):
            break
        allowed = errors
    return allowed


def threshold(levels: Sequence[float], n: int, rate: float, delta: float) -> float | None:
    """Return the lowest threshold that keeps `rate`: a rule stops where its score is above it. None if none does.

    Args:
        levels: the critical levels of those of the `n` problems that have one, the highest first.
        n: how many problems there were.
        rate: the largest share of answers that may become wrong, in (0, 1).
        delta: the chance that the problems were too kind, in (0, 1).
    """
    allowed = allowed_errors(n, rate, delta)
    if allowed is None:
        return None
    return threshold_of(levels, allowed)


def threshold_of(levels: Sequence[float], allowed: int) -> float:
    """Return the lowest threshold by which so many problems go wrong, of those with `levels`, the highest first."""
    return levels[allowed] if allowed < len(levels) else BELOW_ALL


def lowest_rate(n: int, delta: float) -> float:
    """Return the lowest rate that `n` problems can vouch for."""
    return max(-expm1(log(delta) / n), 1 / (n + 1))


def _binomial(k: int, n: int, p: float) -> float:
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))
