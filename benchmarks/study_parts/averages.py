"""Means of what may be nothing."""

from collections.abc import Iterable


def average(values: Iterable[float]) -> float:
    """The mean; 0 of nothing."""
    known = [float(value) for value in values]
    return sum(known) / len(known) if known else 0.0
