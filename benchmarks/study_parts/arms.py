"""What the study compares: every arm starts from the same warm-up and trains on the same prompts in the same order."""

from dataclasses import dataclass
from typing import Any

BUDGETS = (24, 48, 72, 96)
FAMILIES = {"largest": 1.0, "smallest": 1.0}
LEARNING_RATES = (5e-5, 1e-4, 2e-4, 4e-4)
COUNT = (4, 8)
"""Candidates of a problem."""
WARM_UP = "warm-up"
"""The model all arms start from, measured like them."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of training: the settings of `BRPOConfig` that make it differ.

    `search` names the arm whose learning rate it takes.
    """

    name: str
    what: str
    settings: dict[str, Any]
    search: str


def _group_relative(budgets: tuple[int, ...], answers: int, prior: str, train_answers: str) -> dict[str, Any]:
    return {
        "budgets": list(budgets),
        "interim_samples": answers,
        "prior": prior,
        "variance_reduction": "v2",
        "train_answers": train_answers,
    }


def _budget_relative(prior: str, variance_reduction: str = "brpo") -> dict[str, Any]:
    return {
        "budgets": list(BUDGETS),
        "interim_samples": 4,
        "prior": prior,
        "variance_reduction": variance_reduction,
        "train_answers": "all",
    }


ARMS = {
    arm.name: arm
    for arm in (
        Arm("grpo", "GRPO: largest budget, one answer", _group_relative((96,), 1, "base", "last"), "grpo"),
        Arm("brpo-linear", "BRPO, linear prior", _budget_relative("linear"), "brpo-linear"),
        Arm("brpo-uniform", "BRPO, uniform prior", _budget_relative("uniform"), "brpo-linear"),
        Arm("grpo-a4", "GRPO with 4 answers", _group_relative((96,), 4, "base", "all"), "grpo"),
        Arm("brpo-base", "BRPO, all weight on the largest budget", _budget_relative("base"), "brpo-linear"),
        Arm("grpo-linear", "GRPO + linear prior", _group_relative(BUDGETS, 1, "linear", "last"), "grpo"),
        Arm("brpo-linear-none", "BRPO-linear, no baseline", _budget_relative("linear", "none"), "brpo-linear"),
        Arm("brpo-linear-v2", "BRPO-linear, baseline V2 only", _budget_relative("linear", "v2"), "brpo-linear"),
        Arm("brpo-linear-v1", "BRPO-linear, baseline V1 only", _budget_relative("linear", "v1"), "brpo-linear"),
    )
}
