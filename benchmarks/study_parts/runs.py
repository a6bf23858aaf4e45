"""The study's runs as its results keep them: what the report needs of each, so that later runs join earlier ones."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, mean
from typing import Any

from study_parts import search
from study_parts.arms import ARMS, WARM_UP
from study_parts.estimates import ByProblem
from study_parts.measuring import COOL, TRAINED_AT
from study_parts.outcomes import from_hex
from study_parts.problems import TASKS

KINDS = ("none", "v1", "v2", "brpo")
FIRST_STEPS = 20
"""Steps whose variances count: the policy is near the warm-up."""
SAMPLED = (WARM_UP, "grpo", "brpo-uniform", "brpo-linear")
SAMPLES = 2
"""Of each scored family, in the first seed of the sampled arms."""
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
        if not all(map(_is_of_this_study, known["runs"])):
            raise SystemExit(f"{earlier} is of another study, which did not keep what this one needs; leave it out")
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
        """The best learning rate of each arm whose search has come to its end."""
        found: dict[str, dict[float, float]] = defaultdict(dict)
        for run in self.search:
            found[run["arm"]][run["learning_rate"]] = run["accuracy"]
        return {arm: search.best(rates) for arm, rates in found.items() if search.next_rate(rates) is None}


def best_learning_rates(work: Path) -> dict[str, float]:
    """The learning rate of each searched arm; the program ends if `work` holds no search."""
    rates = Results.read(work).learning_rates
    if not rates:
        raise SystemExit(f"{work} holds no search; run the part `search` first")
    return rates


def right_at(run: Run, temperature: str, budget: int) -> ByProblem:
    """Of each scored family, which problems were right at a budget, 0 or 1."""
    families = run["measured"][temperature]
    return {
        name: from_hex(families[name]["right"][str(budget)], families[name]["problems"])
        for name in TASKS[run["task"]].families
    }


def accuracy_of(run: Run, temperature: str, family: str, budget: int) -> float:
    """A family's accuracy at a budget."""
    measured = run["measured"][temperature][family]
    return fmean(from_hex(measured["right"][str(budget)], measured["problems"]))


def curve_of(run: Run, temperature: str) -> dict[int, float]:
    """A run's mean accuracy over the scored families at each measured budget."""
    task = TASKS[run["task"]]
    return {at: mean(accuracy_of(run, temperature, family, at) for family in task.families) for at in task.measured_at}


def search_score(run: Run) -> float:
    """What a run of the search is judged by: its mean accuracy over the budgets that are trained at."""
    curve = curve_of(run, TRAINED_AT)
    return round(mean(curve[at] for at in TASKS[run["task"]].budgets), 4)


def summary(run: Run) -> Run:
    """What is kept of a run.

    `manner` is the mean over the scored families, `variance` that of the first steps, `samples` are pairs of prompt and
    thinking at temperature 0.6.
    """
    left_out = ("log", "measured", "measure_seconds")
    kept = {name: value for name, value in run.items() if name not in left_out}
    scored = TASKS[run["task"]].families
    manners = [run["measured"][TRAINED_AT][family]["manner"] for family in scored]
    kept |= {
        "anytime_reward": [round(entry["anytime_reward"], 4) for entry in run["log"]],
        "measured": {
            temperature: {family: _without_texts(it) for family, it in families.items()}
            for temperature, families in run["measured"].items()
        },
        "manner": {name: round(mean(manner[name] for manner in manners), 4) for name in manners[0]},
        "variance": _variance(run["log"][:FIRST_STEPS], TASKS[run["task"]].budgets),
    }
    if run["arm"] in SAMPLED and run["seed"] == 0:
        kept["samples"] = [pair for family in scored for pair in run["measured"][COOL][family]["samples"][:SAMPLES]]
    return kept


def _is_of_this_study(run: Run) -> bool:
    """Whether a run of an earlier report says its task, and was measured at the budgets that it is measured at now."""
    if "task" not in run:
        return False
    task = TASKS[run["task"]]
    return set(run["measured"][TRAINED_AT][next(iter(task.families))]["right"]) == set(map(str, task.measured_at))


def _without_texts(measured: dict[str, Any]) -> dict[str, Any]:
    kept = {name: measured[name] for name in ("problems", "right", "length")}
    return kept | {name: {at: round(share, 4) for at, share in measured[name].items()} for name in ("none", "differ")}


def _variance(log: Sequence[Run], budgets: Sequence[int]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for entry in log:
        for name in (f"{kind}/{budget}" for kind in KINDS for budget in budgets):
            found[name] += [entry[f"variance/{name}"]] if f"variance/{name}" in entry else []
    return {name: round(mean(values), 6) for name, values in found.items() if values}


def _searched(run: Run) -> Run:
    return {"arm": run["arm"], "learning_rate": run["learning_rate"], "accuracy": search_score(run)}


def _merged(runs: Iterable[Run], key: tuple[str, ...]) -> list[Run]:
    """One run for each key, the last; in the order of the keys."""
    latest = {tuple(run[name] for name in key): run for run in runs}
    return [latest[place] for place in sorted(latest)]
