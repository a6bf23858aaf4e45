"""Task families: synthetic problems with answers that can be verified exactly."""

from random import Random

from anytime_training.problems.tasks.base import CUE, NONE, Family, Finding, Kind, Piece, Problem, value_of, verify
from anytime_training.problems.tasks.closest import CLOSEST
from anytime_training.problems.tasks.countdown import COUNTDOWN
from anytime_training.problems.tasks.largest import LARGEST
from anytime_training.problems.tasks.outside import OUTSIDE
from anytime_training.problems.tasks.smallest import SMALLEST
from anytime_training.problems.tasks.sums import SUMS

INSIDE: tuple[Family, ...] = (LARGEST, SMALLEST, CLOSEST, SUMS)
TAUGHT: tuple[Family, ...] = (*INSIDE, OUTSIDE)
"""What anytime-tiny learns."""
FAMILIES: dict[str, Family] = {family.name: family for family in (*TAUGHT, COUNTDOWN)}

__all__ = [
    "CUE",
    "FAMILIES",
    "INSIDE",
    "NONE",
    "TAUGHT",
    "Family",
    "Finding",
    "Kind",
    "Piece",
    "Problem",
    "parse",
    "sample",
    "value_of",
    "verify",
]


def parse(line: str) -> Problem:
    """Read a line that a user typed to anytime-tiny; a line that no other family reads is `outside`."""
    for family in TAUGHT:
        problem = family.parse(line)
        if problem is not None:
            return problem
    raise AssertionError("the family `outside` reads every line")


def sample(rng: Random, family: str, count: tuple[int, int]) -> Problem:
    """Draw a problem of a family; a prompt of `outside` is one that no other family reads."""
    while True:
        problem = FAMILIES[family].sample(rng, count)
        if family != OUTSIDE.name or parse(problem.prompt).family == OUTSIDE.name:
            return problem
