"""How a model thinks, by the kind of problem."""

from collections.abc import Sequence

from anytime_training.problems.tasks import Problem
from anytime_training.problems.tasks.countdown import CountdownProblem
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts import countdown_manner, selection_manner
from study_parts.averages import average


def manner(problems: Sequence[Problem], texts: Sequence[str], tokens: Sequence[int]) -> dict[str, float]:
    """Means over the problems whose thinking works at all; empty if none does, or of families without a manner."""
    rows = [row for triple in zip(problems, texts, tokens, strict=True) if (row := _manner_of(*triple))]
    return {name: average(row[name] for row in rows) for name in rows[0]} if rows else {}


def _manner_of(problem: Problem, text: str, tokens: int) -> dict[str, float]:
    if isinstance(problem, SelectionProblem):
        return selection_manner.manner_of(problem, text, tokens)
    if isinstance(problem, CountdownProblem):
        return countdown_manner.manner_of(problem, text, tokens)
    return {}
