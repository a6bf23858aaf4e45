"""What the study compares: every arm starts from the same warm-up and trains on the same prompts in the same order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

WARM_UP = "warm-up"
"""The model all arms start from, measured like them."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of training, as the settings of `BRPOConfig` that make it differ.

    Attributes:
        what: the arm in a few words.
        kind: `grpo` arms are what BRPO has to beat; `other` ones are methods of others.
        budgets: all budgets of the task, its largest, or one of half of that.
        answers: answers at a budget.
        train_answers: which answers get a gradient.
        answer_weight: factor of the answers' advantages.
        decaying: whether S-GRPO's decaying reward of exits is credited, in place of BRPO's rule.
        rate_of: the arm whose learning rate it takes; None: it is searched for.
        as_long_as: the arm whose CPU time at the same seed ends the training, in place of a number of steps.
    """

    name: str
    what: str
    kind: Literal["grpo", "brpo", "other"]
    budgets: Literal["all", "largest", "half"] = "all"
    answers: int = 4
    prior: str = "uniform"
    variance_reduction: str = "brpo"
    train_answers: str = "all"
    answer_weight: float = 1.0
    decaying: bool = False
    rate_of: str | None = None
    as_long_as: str | None = None

    def settings(self, budgets: Sequence[int]) -> dict[str, Any]:
        """The settings of `BRPOConfig`, for a task with these budgets."""
        chosen = {"all": list(budgets), "largest": [budgets[-1]], "half": [budgets[-1] // 2]}[self.budgets]
        return {
            "budgets": chosen,
            "interim_samples": self.answers,
            "prior": self.prior,
            "variance_reduction": self.variance_reduction,
            "train_answers": self.train_answers,
            "answer_weight": self.answer_weight,
        }


def _grpo(name: str, what: str, kind: Literal["grpo", "other"] = "grpo", **different: Any) -> Arm:
    """Group-relative advantages; the last answer at the largest budget is part of the sequence that is trained."""
    single = {"budgets": "largest", "prior": "base", "answers": 1, "variance_reduction": "v2", "train_answers": "last"}
    return Arm(name, what, kind, **{**single, **different})


def _linear(name: str, what: str, **different: Any) -> Arm:
    """BRPO-linear, but for something."""
    return Arm(f"brpo-linear-{name}", what, "brpo", prior="linear", **different)


GROUPS: dict[str, tuple[Arm, ...]] = {
    "main": (
        _grpo("grpo", "GRPO: largest budget, one answer"),
        Arm("brpo-uniform", "BRPO, uniform prior", "brpo"),
        Arm("brpo-linear", "BRPO, linear prior", "brpo", prior="linear"),
        _linear("tenth", "BRPO, linear prior, answers weigh a tenth", answer_weight=0.1),
        _grpo("grpo-a4", "GRPO with 4 answers", answers=4, train_answers="all"),
        _grpo("grpo-linear", "GRPO rewarded at all budgets, linear prior", budgets="all", prior="linear"),
        Arm("brpo-uniform-frozen", "BRPO, uniform prior, answers not trained", "brpo", train_answers="none"),
    ),
    "more": (
        _grpo("grpo-uniform", "GRPO rewarded at all budgets, uniform prior", budgets="all", prior="uniform"),
        _grpo("grpo-time", "GRPO for the CPU time of brpo-uniform", rate_of="grpo", as_long_as="brpo-uniform"),
        Arm("brpo-base", "BRPO, all weight on the largest budget", "brpo", prior="base"),
        _grpo("elastic", "GRPO at half the largest budget, as Elastic Reasoning", "other", budgets="half"),
        Arm("s-grpo", "S-GRPO: decaying reward of exits", "other", answers=1, decaying=True),
    ),
    "ablations": (
        _linear("quarter", "BRPO-linear, answers weigh a quarter", answer_weight=0.25),
        _linear("none", "BRPO-linear, no baseline", variance_reduction="none"),
        _linear("v2", "BRPO-linear, baseline V2 only", variance_reduction="v2"),
        _linear("v1", "BRPO-linear, baseline V1 only", variance_reduction="v1"),
    ),
}
"""Arms that are run together, in the order in which they run."""

ARMS = {arm.name: arm for group in GROUPS.values() for arm in group}


def chosen(names: Sequence[str]) -> list[Arm]:
    """The arms of these names and groups, each once, in the order of the study."""
    wanted = {arm.name for name in names for arm in GROUPS.get(name, ())} | set(names)
    return [arm for arm in ARMS.values() if arm.name in wanted]
