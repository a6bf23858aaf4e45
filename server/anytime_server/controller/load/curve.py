"""What thinking buys: the accuracy at each budget, made concave, as slopes that fall."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of budgets in which each token buys the same.

    Attributes:
        begin: its first length, in thinking tokens.
        end: its last.
        slope: accuracy per token.
    """

    begin: int
    end: int
    slope: float


class AccuracyCurve:
    """The least concave curve above measured accuracies: what a token is worth at best, never more than one before.

    Where a measured curve dips and rises again, tokens up to the far side of the dip are worth its mean slope. A curve
    that only falls is worth nothing. Beyond the last measured budget nothing is known, and a token worth nothing.
    """

    def __init__(self, accuracy: Mapping[int, float]) -> None:
        """Take accuracies (0 to 1) by budget, in thinking tokens.

        Raises:
            ValueError: if there are fewer than two budgets, or one is below 0.
        """
        if len(accuracy) < 2:
            raise ValueError("a curve has the accuracy at two budgets at least")
        if min(accuracy) < 0:
            raise ValueError(f"a budget of {min(accuracy)} tokens is below 0")
        self.segments = tuple(_falling(sorted(accuracy.items())))


def _falling(points: list[tuple[int, float]]) -> list[Segment]:
    """The upper convex hull of the points as far as it rises (Andrew's monotone chain)."""
    hull: list[tuple[int, float]] = []
    for point in points:
        while len(hull) >= 2 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    segments = [Segment(one[0], other[0], _slope(one, other)) for one, other in pairwise(hull)]
    return [segment for segment in segments if segment.slope > 0]


def _slope(one: tuple[int, float], other: tuple[int, float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])
