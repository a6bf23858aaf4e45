"""Perfect thinkers on the very test problems: what accuracy an order of work allows at a budget.

They work out candidates, or trials, on terse lines without a mistake, and at a cut they answer with the best so far; in
countdown with the hit. Before they know a value they answer with a guess, which is right where the warm-up's answer at
budget 0 was. Lines cost the tokens that the model's tokenizer makes of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import fmean
from typing import NamedTuple, Protocol

from anytime_training.problems.tasks import Problem
from anytime_training.problems.tasks.countdown import CountdownProblem
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.estimates import ByProblem

REPEATS = 4
"""Orders that are drawn for a problem."""
ESTIMATE_ERROR = 10
"""Standard deviation of what the promising order is by."""

TokenCount = Callable[[str], int]


class Item(Protocol):
    """What can be worked out: a candidate, or a trial."""

    @property
    def text(self) -> str:
        """As the thinking writes it."""

    @property
    def value(self) -> int:
        """Its value."""


class Line(NamedTuple):
    """A line up to its value, and as a whole; `right` is whether the value's answer is, None if it gives none."""

    start: str
    whole: str
    right: bool | None


class Work(Protocol):
    """A problem as a thinker sees it."""

    @property
    def items(self) -> Sequence[Item]:
        """What can be worked out."""

    def score(self, value: int) -> int:
        """How good a value is."""

    def lines(self, order: Sequence[Item]) -> Iterator[Line]:
        """The line of each item that is worked out."""


@dataclass(frozen=True, slots=True)
class _Selection:
    problem: SelectionProblem

    @property
    def items(self) -> Sequence[Item]:
        return self.problem.candidates

    def score(self, value: int) -> int:
        return self.problem.rule.score(value)

    def lines(self, order: Sequence[Item]) -> Iterator[Line]:
        """`a+b=c best d`."""
        mark, best = self.problem.rule.mark, order[0]
        top = max(self.score(item.value) for item in order)
        for item in order:
            best = max(best, item, key=lambda one: self.score(one.value))
            value = mark(item.value)
            start = value if item.text == str(item.value) else f"{item.text}={value}"
            yield Line(start, f"{start} best {mark(best.value)}\n", self.score(best.value) == top)


@dataclass(frozen=True, slots=True)
class _Countdown:
    problem: CountdownProblem

    @property
    def items(self) -> Sequence[Item]:
        return self.problem.trials

    def score(self, value: int) -> int:
        return -abs(value - self.problem.target)

    def lines(self, order: Sequence[Item]) -> Iterator[Line]:
        """`(a+b)*c=d`, until there is a hit."""
        for item in order:
            start = f"{item.text}={item.value}"
            if item.value == self.problem.target:
                yield Line(start, f"{start} done\n", True)
                return
            yield Line(start, f"{start}\n", None)


@dataclass(frozen=True, slots=True)
class Thinker:
    """A way of ordering items, told whether the guess is right."""

    name: str
    order: Callable[[Random, Work, bool], list[Item]]


def _random(rng: Random, work: Work, guess_is_right: bool) -> list[Item]:
    return rng.sample(work.items, len(work.items))


def _guess_first(rng: Random, work: Work, guess_is_right: bool) -> list[Item]:
    order = _random(rng, work, guess_is_right)
    top = max(work.score(item.value) for item in order)
    guessed = [item for item in order if (work.score(item.value) == top) == guess_is_right]
    return [*guessed[:1], *(item for item in order if item not in guessed[:1])]


def _promising(rng: Random, work: Work, guess_is_right: bool) -> list[Item]:
    estimates = [work.score(item.value + round(rng.gauss(0, ESTIMATE_ERROR))) for item in work.items]
    return [work.items[place] for place in sorted(range(len(estimates)), key=lambda place: -estimates[place])]


def _oracle(rng: Random, work: Work, guess_is_right: bool) -> list[Item]:
    return sorted(work.items, key=lambda item: -work.score(item.value))


THINKERS = (
    Thinker("random order", _random),
    Thinker("guess first", _guess_first),
    Thinker("promising order", _promising),
    Thinker("oracle order", _oracle),
)


def ceilings(
    problems: Mapping[str, Sequence[Problem]], guessed: ByProblem, budgets: Sequence[int], count: TokenCount
) -> dict[str, dict[int, float]]:
    """For each thinker the accuracy at each budget, the mean of the families' means.

    `guessed` holds for each family's problems whether the guess is right; `count` counts a text's tokens.
    """
    counted = lru_cache(maxsize=100_000)(count)
    found = {}
    for thinker in THINKERS:
        families = [_accuracy(thinker, problems[name], guessed[name], budgets, counted) for name in problems]
        found[thinker.name] = {at: fmean(family[place] for family in families) for place, at in enumerate(budgets)}
    return found


def realised(ours: float, start: float, ceiling: float) -> float | None:
    """The share of the way from `start` to `ceiling`; None where there is less than a point of way."""
    return (ours - start) / (ceiling - start) if ceiling - start >= 0.01 else None


def _accuracy(
    thinker: Thinker, problems: Sequence[Problem], guessed: Sequence[float], budgets: Sequence[int], count: TokenCount
) -> list[float]:
    rng = Random(f"ceilings/{thinker.name}")
    totals = [0] * len(budgets)
    for problem, guess in zip(problems, guessed, strict=True):
        work = _work(problem)
        for _ in range(REPEATS):
            known = [(0, bool(guess)), *_known(work, thinker.order(rng, work, bool(guess)), count)]
            for place, budget in enumerate(budgets):
                totals[place] += [right for since, right in known if since <= budget][-1]
    return [total / REPEATS / len(problems) for total in totals]


def _known(work: Work, order: Sequence[Item], count: TokenCount) -> Iterator[tuple[int, bool]]:
    """After how many tokens another answer is known, and whether it is right."""
    used = 0
    for line in work.lines(order):
        if line.right is not None:
            yield used + count(line.start), line.right
        used += count(line.whole)


def _work(problem: Problem) -> Work:
    if isinstance(problem, SelectionProblem):
        return _Selection(problem)
    if isinstance(problem, CountdownProblem):
        return _Countdown(problem)
    raise ValueError(f"there are no ceilings of the family {problem.family}")
