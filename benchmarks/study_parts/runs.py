"""The study's runs as its results keep them: what the report needs of each, so that later runs join earlier ones."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from study_parts.arms import ARMS, BUDGETS, FAMILIES, WARM_UP
from study_parts.thinking import BUDGETS as MEASURED_AT

SCORED = tuple(FAMILIES)
TRAINED_AT = "1.0"
KINDS = ("none", "v1", "v2", "brpo")
FIRST_STEPS = 20
"""Steps whose variances count: the policy is near the warm-up."""
SAMPLED = (WARM_UP, "grpo", "brpo-linear")
SAMPLES = 2
"""Of each scored family, in the first seed of the sampled arms."""
STANDARD_ERROR = 0.015
"""Of a search run's mean accuracy: 320 problems, answers at four budgets of the same thinking."""
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Results:
    """The runs of the search (arm, learning rate, accuracy) and those of the study, as `summary` keeps them."""

    search: list[Run]
    runs: list[Run]

    @classmethod
    def read(cls, work: Path, earlier: Path | None = None) -> "Results":
        """What a work folder holds, beside the runs of an earlier report's JSON that were not done again."""
        known = json.loads(earlier.read_text()) if earlier else {"search": [], "runs": []}
        documents = {path.parent.name: json.loads(path.read_text()) for path in sorted(work.glob("*/run.json"))}
        searched = [run for name, run in documents.items() if name.startswith("search-")]
        studied = [run for name, run in documents.items() if not name.startswith("search-")]
        return cls(
            _merged([*known["search"], *map(_searched, searched)], ("arm", "learning_rate")),
            _merged([*known["runs"], *map(summary, studied)], ("arm", "seed")),
        )

    @property
    def by_arm(self) -> dict[str, list[Run]]:
        """The study's runs of each arm that has any, in the order of the study."""
        found = {arm: [run for run in self.runs if run["arm"] == arm] for arm in (WARM_UP, *ARMS)}
        return {arm: runs for arm, runs in found.items() if runs}

    @property
    def learning_rates(self) -> dict[str, float]:
        """The smallest learning rate of each searched arm within a standard error of the best.

        What counts is the mean accuracy over the training budgets.
        """
        found: dict[str, list[Run]] = defaultdict(list)
        for run in self.search:
            found[run["arm"]].append(run)
        return {arm: _smallest_near_best(runs) for arm, runs in found.items()}


def best_learning_rates(work: Path) -> dict[str, float]:
    """The learning rate of each searched arm; the program ends if `work` holds no search."""
    rates = Results.read(work).learning_rates
    if not rates:
        raise SystemExit(f"{work} holds no search; run the part `search` first")
    return rates


def curve_of(run: Run, temperature: str) -> dict[int, float]:
    """A run's mean accuracy over the scored families at each measured budget."""
    families = run["measured"][temperature]
    return {at: mean(families[family]["accuracy"][str(at)] for family in SCORED) for at in MEASURED_AT}


def summary(run: Run) -> Run:
    """What is kept of a run.

    `manner` is the mean over the scored families, `variance` that of the first steps, `samples` are pairs of prompt and
    thinking at temperature 0.6.
    """
    kept = {name: run[name] for name in ("arm", "seed", "learning_rate", "steps", "train_seconds")}
    measured = {
        temperature: {family: {"accuracy": it["accuracy"], "length": it["length"]} for family, it in families.items()}
        for temperature, families in run["measured"].items()
    }
    manners = [run["measured"][TRAINED_AT][family]["manner"] for family in SCORED]
    kept |= {
        "anytime_reward": [round(entry["anytime_reward"], 4) for entry in run["log"]],
        "measured": measured,
        "manner": {name: round(mean(manner[name] for manner in manners), 4) for name in manners[0]},
        "variance": _variance(run["log"][:FIRST_STEPS]),
    }
    if run["arm"] in SAMPLED and run["seed"] == 0:
        kept["samples"] = [pair for family in SCORED for pair in run["measured"]["0.6"][family]["samples"][:SAMPLES]]
    return kept


def _variance(log: Sequence[Run]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for entry in log:
        for name in (f"{kind}/{budget}" for kind in KINDS for budget in BUDGETS):
            found[name] += [entry[f"variance/{name}"]] if f"variance/{name}" in entry else []
    return {name: round(mean(values), 6) for name, values in found.items() if values}


def _searched(run: Run) -> Run:
    curve = curve_of(run, TRAINED_AT)
    accuracy = round(mean(curve[at] for at in BUDGETS), 4)
    return {"arm": run["arm"], "learning_rate": run["learning_rate"], "accuracy": accuracy}


def _smallest_near_best(runs: Sequence[Run]) -> float:
    enough = max(run["accuracy"] for run in runs) - STANDARD_ERROR
    rate: float = min(run["learning_rate"] for run in runs if run["accuracy"] >= enough)
    return rate


def _merged(runs: Iterable[Run], key: tuple[str, ...]) -> list[Run]:
    """One run for each key, the last; in the order of the keys."""
    latest = {tuple(run[name] for name in key): run for run in runs}
    return [latest[place] for place in sorted(latest)]
