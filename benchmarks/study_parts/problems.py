"""What the study trains and tests on: a task's families, budgets, and fresh problems of a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from anytime_training.problems import tasks
from anytime_training.problems.tasks import Problem

TEST_SEED = 2026
"""Of the problems that the study's numbers are of."""
SEARCH_SEED = 77
"""Of the problems that learning rates are chosen on: none of the test."""
TEST_PROBLEMS = 2000
"""Of each family that is trained on, at the temperature of the training."""
COOL_PROBLEMS = 500
"""The first of them, at temperature 0.6."""
SEARCH_PROBLEMS = 400
OTHER_PROBLEMS = 200
"""Of each family that is not trained on."""


@dataclass(frozen=True, slots=True)
class StudyTask:
    """What all arms train on.

    Attributes:
        families: trained on and scored, by weight.
        count: items of a problem, least and most.
        budgets: thinking tokens at which BRPO branches answers, increasing; GRPO thinks to the last.
        measured_at: budgets at which a model is tested.
        others: families that are tested but not trained on.
        answer_tokens: the most tokens of an answer.
        verifier: of the training's answers; it must be bounded, since it runs in the process of the training.
    """

    name: str
    families: Mapping[str, float]
    count: tuple[int, int]
    budgets: tuple[int, ...]
    measured_at: tuple[int, ...]
    others: tuple[str, ...] = field(default=())
    answer_tokens: int = 8
    verifier: str = "exact"


TASKS = {
    task.name: task
    for task in (
        StudyTask(
            "selection",
            families={"largest": 1.0, "smallest": 1.0},
            count=(8, 8),
            budgets=(25, 50, 75, 100),
            measured_at=(0, 12, 25, 37, 50, 62, 75, 87, 100, 130),
            others=("closest", "sums", "outside"),
        ),
        StudyTask(
            "countdown",
            families={"countdown": 1.0},
            count=(3, 3),
            budgets=(30, 60, 90, 120),
            measured_at=(0, 15, 30, 45, 60, 75, 90, 105, 120, 160),
            answer_tokens=14,
            verifier="anytime_training.problems.tasks.countdown:judge",
        ),
    )
}


def fresh(task: StudyTask, family: str, seed: int, n: int) -> list[Problem]:
    """The first `n` problems of a family at an evaluation seed; more of them begin with the same ones."""
    rng = Random(f"study/{seed}/{family}")
    return [tasks.sample(rng, family, task.count) for _ in range(n)]
