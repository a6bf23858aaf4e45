"""The search of a learning rate: a walk on a ladder towards the better, the same for every arm.

It begins with two neighbours in the middle and ends when both neighbours of the best are measured, or the best is an
end of the ladder. The best is taken as it is. What counts is the mean accuracy over the budgets that are trained at.
"""

from collections.abc import Callable, Mapping

LADDER = (1.25e-5, 2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4)
BEGIN = (1e-4, 2e-4)
STEPS = 30
SEED = 100
"""Of the search's runs: no seed of the study's."""


def best(found: Mapping[float, float]) -> float:
    """The rate of the highest accuracy, the smaller one of a tie."""
    return max(sorted(found), key=lambda rate: found[rate])


def next_rate(found: Mapping[float, float]) -> float | None:
    """The rate to measure after those that were; None at the end of the search."""
    for rate in BEGIN:
        if rate not in found:
            return rate
    place = LADDER.index(best(found))
    neighbours = [LADDER[at] for at in (place - 1, place + 1) if 0 <= at < len(LADDER)]
    return next((rate for rate in neighbours if rate not in found), None)


def walk(measure: Callable[[float], float]) -> dict[float, float]:
    """Measure rates until the best has both neighbours; the accuracy of each."""
    found: dict[float, float] = {}
    while (rate := next_rate(found)) is not None:
        found[rate] = measure(rate)
    return found
