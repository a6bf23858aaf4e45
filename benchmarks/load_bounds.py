"""How much budgets that differ from question to question could gain at most over one budget for all, at too much load.

    anytime eval --model anytime-tiny -n 300 --temperature 0.6 --budgets 12,24,...,192 --out ANSWERS
    python benchmarks/load_bounds.py ANSWERS --out benchmarks/results/load-bounds.json

Plays budgets on recorded answers. At a load of 2, questions come twice as fast as their full thinking and answers can
be computed; what a question takes is counted in tokens. Every kind of budgets is the best that hindsight finds: one
for all questions; one for each family, and for each family and length of thinking, which is more than the words of a
question tell; and one for each question by which of its answers are right, which nobody knows.
"""

import argparse
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anytime_training.evaluation.answers import read_answers
from anytime_training.evaluation.courses import Course
from harness.environment import environment
from harness.measure import Series
from harness.report import Row, json_line, publish, table

LOADS = (1.5, 2.0, 3.0)
ANSWER = 11
"""Tokens of an answer of the demo model, and of what closes its thinking."""

ALIKE = 24
"""Thoughts count as equally long that end within the same so many tokens."""

KINDS: dict[str, Callable[[Course], Hashable]] = {
    "a budget for each family": lambda course: course.family,
    "for each family and length": lambda course: (course.family, course.length // ALIKE),
    "for each question, by its answers": lambda course: (course.family, course.problem),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many questions are answered right, and the tokens that all of them take."""

    right: float
    tokens: float

    @classmethod
    def of(cls, courses: Iterable[Course], budget: int) -> "Outcome":
        """Of questions that all have this budget, one that they were asked at."""
        ends = [_cut(course, budget) for course in courses]
        return cls(sum(right for right, _ in ends), sum(tokens + ANSWER for _, tokens in ends))

    @classmethod
    def total(cls, outcomes: Iterable["Outcome"]) -> "Outcome":
        """Of all questions of these."""
        all_ = list(outcomes)
        return cls(sum(one.right for one in all_), sum(one.tokens for one in all_))


REFUSED = Outcome(0, 0)
"""What a group of questions comes to that is not answered."""


def main() -> None:
    """Play, print, write."""
    arguments = parse(sys.argv[1:])
    told = [word if word != str(arguments.answers) else "ANSWERS" for word in sys.argv[1:]]
    where = environment("benchmarks/load_bounds.py", told)
    (answers,) = read_answers(arguments.answers).values()
    budgets = sorted({verdict.at for course in answers.courses for verdict in course.verdicts})
    rows = [row for load in LOADS for row in bounds(answers.courses, budgets, load)]
    about = {"model": answers.run, "data": answers.data, "questions": len(answers.courses), "budgets": budgets}
    publish(table(rows), json_line("load-bounds", where, about, rows, []), arguments.out)


def bounds(courses: Sequence[Course], budgets: Sequence[int], load: float) -> list[Row]:
    """The share of all questions that the best single budget answers right in time, and the gain of others over it."""
    room = Outcome.of(courses, max(course.length for course in courses)).tokens / load
    single = max(_in_time(Outcome.of(courses, budget), room) for budget in budgets)
    section = f"{load} times the capacity"
    rows = [Row(section, "the best budget for all: right in time", Series((single / len(courses),)), "share")]
    for name, kind in KINDS.items():
        groups: dict[Hashable, list[Course]] = {}
        for course in courses:
            groups.setdefault(kind(course), []).append(course)
        choices = [[REFUSED, *(Outcome.of(group, budget) for budget in budgets)] for group in groups.values()]
        rows.append(Row(section, name, Series((_most(choices, room) / single,)), "x"))
    return rows


def _cut(course: Course, budget: int) -> tuple[bool, int]:
    if budget >= course.length:
        return course.right_at_the_end, course.length
    at = next(index for index, verdict in enumerate(course.verdicts) if verdict.at == budget)
    return course.right[at], budget


def _in_time(outcome: Outcome, room: float) -> float:
    """What is answered right if a queue refuses what doesn't fit."""
    return outcome.right * min(1.0, room / outcome.tokens)


def _most(choices: Sequence[Sequence[Outcome]], room: float) -> float:
    """The most right answers that fit: all groups buy what is worth most at a price of tokens, which is bisected.

    Where a little less buys too much, some questions of a group get the one budget and some the other.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        price = (low + high) / 2
        if _bought(choices, price).tokens > room:
            low = price
        else:
            high = price
    more, less = _bought(choices, low), _bought(choices, high)
    share = (room - less.tokens) / (more.tokens - less.tokens) if more.tokens > room else 0.0
    return less.right + share * (more.right - less.right)


def _bought(choices: Sequence[Sequence[Outcome]], price: float) -> Outcome:
    return Outcome.total(max(group, key=lambda one: one.right - price * one.tokens) for group in choices)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path, help="the --out folder of anytime eval, of one model")
    parser.add_argument("--out", type=Path, help="write the JSON line here and the table beside it as .txt")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
