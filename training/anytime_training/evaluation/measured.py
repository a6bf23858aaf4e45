"""What is found of one run: its curves, its answers, and what the stopping rules save."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_training.evaluation.answers import Answers
from anytime_training.evaluation.curves import Curve, curves_of, mark
from anytime_training.evaluation.questions import QuestionSet
from anytime_training.evaluation.saving import Saving, savings
from anytime_training.evaluation.source import Done, Settings, Source, unheard


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: a curve for each family and their mean, all answers, and the savings over all families."""

    run: str
    curves: tuple[Curve, ...]
    answers: Answers
    savings: tuple[Saving, ...]


def measure_run(
    run: str, source: Source, families: Sequence[QuestionSet], settings: Settings, done: Done = unheard
) -> Measured:
    """Roll out and judge, telling `done` on the way.

    Raises:
        EvaluationError: if the source fails.
    """
    marked = mark(source, families, settings, done)
    courses = tuple(course for one in marked for group in one.courses(settings.budgets) for course in group)
    conditions = source.conditions(settings)
    data = ", ".join(family.family for family in families)
    return Measured(
        run=run,
        curves=tuple(curves_of(run, marked, settings)),
        answers=Answers(run, conditions, data, courses),
        savings=tuple(savings(courses, conditions)),
    )
