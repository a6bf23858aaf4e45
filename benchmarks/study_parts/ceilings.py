"""Perfect thinkers on the very test problems: what accuracy an order of candidates allows at a budget.

They work out candidates on terse lines, `a+b=c best d`, without a mistake, and at a cut they answer with the best so
far. Before the first value is worked out they answer with a guess, which is right where the warm-up's answer at budget
0 was. Lines cost the tokens that the model's tokenizer makes of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import mean

from anytime_training.problems.tasks import Problem
from anytime_training.problems.tasks.expressions import Expression
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.estimates import ByProblem

REPEATS = 4
"""Orders that are drawn for a problem."""
ESTIMATE_ERROR = 10
"""Standard deviation of what the promising order is by: the warm-up's training used the same."""

Order = Callable[[Random, SelectionProblem, bool], list[Expression]]
"""The candidates in the order of thinking; the bool says whether the guess is right."""
TokenCount = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Thinker:
    """A way of ordering candidates; `prefix` is what its first line begins with."""

    name: str
    order: Order
    prefix: str = ""


def _random(rng: Random, problem: SelectionProblem, guess_is_right: bool) -> list[Expression]:
    return rng.sample(problem.candidates, len(problem.candidates))


def _guess_first(rng: Random, problem: SelectionProblem, guess_is_right: bool) -> list[Expression]:
    best = problem.best
    guessable = best if guess_is_right else [item for item in problem.candidates if item not in best] or best
    first = rng.choice(guessable)
    rest = list(problem.candidates)
    rest.remove(first)
    return [first, *rng.sample(rest, len(rest))]


def _promising(rng: Random, problem: SelectionProblem, guess_is_right: bool) -> list[Expression]:
    estimates = {
        place: problem.rule.score(item.value + round(rng.gauss(0, ESTIMATE_ERROR)))
        for place, item in enumerate(problem.candidates)
    }
    return [problem.candidates[place] for place in sorted(estimates, key=lambda place: -estimates[place])]


def _oracle(rng: Random, problem: SelectionProblem, guess_is_right: bool) -> list[Expression]:
    return sorted(problem.candidates, key=lambda item: -problem.rule.score(item.value))


THINKERS = (
    Thinker("random order", _random),
    Thinker("guess first", _guess_first, prefix="guess "),
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
        found[thinker.name] = {at: mean(family[place] for family in families) for place, at in enumerate(budgets)}
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
        assert isinstance(problem, SelectionProblem), "ceilings are those of selection problems"
        for _ in range(REPEATS):
            order = thinker.order(rng, problem, bool(guess))
            known = [(0, bool(guess)), *_known(thinker.prefix, problem, order, count)]
            for place, budget in enumerate(budgets):
                totals[place] += [right for since, right in known if since <= budget][-1]
    return [total / REPEATS / len(problems) for total in totals]


def _known(
    prefix: str, problem: SelectionProblem, order: Sequence[Expression], count: TokenCount
) -> Iterator[tuple[int, bool]]:
    """After how many tokens each value is worked out, and whether the best so far is then right."""
    score, used = problem.rule.score, 0
    best, top = order[0], score(problem.best[0].value)
    for item in order:
        best = max(best, item, key=lambda one: score(one.value))
        mark = problem.rule.mark(item.value)
        worked_out = f"{prefix}{item.text}={mark}" if item.op else f"{prefix}{mark}"
        yield used + count(worked_out), score(best.value) == top
        used += count(f"{worked_out} best {problem.rule.mark(best.value)}\n")
        prefix = ""
