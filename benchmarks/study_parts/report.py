"""The study's runs as a table, curves, and JSON."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from harness.environment import environment
from study_parts import plots
from study_parts.arms import ARMS, BUDGETS, FAMILIES, WARM_UP
from study_parts.thinking import BUDGETS as MEASURED_AT

SCORED = tuple(FAMILIES)
OTHERS = ("closest", "sums", "outside")
TRAINED_AT = "1.0"
STANDARD_ERROR = 0.015
"""Of a search run's mean accuracy: 320 problems, answers at four budgets of the same thinking."""
Run = dict[str, Any]


def best_learning_rates(work: Path) -> dict[str, float]:
    """The smallest learning rate of each searched arm within a standard error of the best.

    What counts is the mean accuracy over the training budgets.
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for run in _runs(work, "search-*"):
        curve = curve_of(run, TRAINED_AT)
        found[run["arm"]].append((mean(curve[at] for at in BUDGETS), run["learning_rate"]))
    if not found:
        raise SystemExit(f"{work} holds no search; run the part `search` first")
    return {
        arm: min(rate for score, rate in scores if score >= max(scores)[0] - STANDARD_ERROR)
        for arm, scores in found.items()
    }


def report(work: Path, results: Path, arguments: Sequence[str], note: str = "") -> None:
    """Write brpo-study.txt, .json and .png into `results`, and print the text; it begins with `note`."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in _runs(work, "*"):
        runs[run["arm"]].append(run)
    arms = [arm for arm in (WARM_UP, *ARMS) if arm in runs]
    parts = [*([note] if note else []), _seeds(runs, arms), _search_table(work)]
    for temperature in (TRAINED_AT, "0.6"):
        parts += [_accuracy_table(runs, arms, temperature), _verdicts(runs, temperature)]
    parts += [_families_table(runs, arms), _variance_table(runs), _manner_table(runs, arms), _samples(runs)]
    text = "\n\n".join(parts)
    plots.curves({arm: [curve_of(run, TRAINED_AT) for run in runs[arm]] for arm in arms}, results / "brpo-study.png")
    (results / "brpo-study.txt").write_text(text + "\n")
    summary = {
        "benchmark": "brpo_study",
        "environment": environment("benchmarks/brpo_study.py", arguments).as_dict(),
        "note": note,
        "hours": round(
            sum(run["train_seconds"] + run["measure_seconds"] for group in runs.values() for run in group) / 3600, 2
        ),
        "learning_rates": best_learning_rates(work),
        "runs": [_summary(run) for arm in arms for run in runs[arm]],
    }
    (results / "brpo-study.json").write_text(json.dumps(summary) + "\n")
    print(text)
    print(json.dumps({key: value for key, value in summary.items() if key != "runs"}))


def _seeds(runs: dict[str, list[Run]], arms: Sequence[str]) -> str:
    told = ", ".join(f"{arm} {len(runs[arm])}" for arm in arms if arm != WARM_UP)
    steps = sorted({run["steps"] for arm in arms for run in runs[arm] if arm != WARM_UP})
    return f"Seeds: {told}. Steps: {', '.join(map(str, steps))}."


def curve_of(run: Run, temperature: str) -> dict[int, float]:
    """A run's mean accuracy over the scored families at each measured budget."""
    families = run["measured"][temperature]
    return {at: mean(families[family]["accuracy"][str(at)] for family in SCORED) for at in MEASURED_AT}


def _runs(work: Path, pattern: str) -> list[Run]:
    paths = sorted(work.glob(f"{pattern}/run.json"))
    if pattern == "*":
        paths = [path for path in paths if not path.parent.name.startswith("search-")]
    return [json.loads(path.read_text()) for path in paths]


def _summary(run: Run) -> Run:
    kept = {name: run[name] for name in ("arm", "seed", "learning_rate", "steps", "train_seconds")}
    anytime = [round(entry["anytime_reward"], 4) for entry in run["log"]]
    measured = {
        temperature: {family: {"accuracy": it["accuracy"], "length": it["length"]} for family, it in families.items()}
        for temperature, families in run["measured"].items()
    }
    return {**kept, "anytime_reward": anytime, "measured": measured}


def _search_table(work: Path) -> str:
    lines = [
        "Learning rate search (one seed, mean accuracy over the budgets 24 to 96, temperature 1)",
        "",
        "| arm | "
        + " | ".join(f"{rate:g}" for rate in sorted({r["learning_rate"] for r in _runs(work, "search-*")}))
        + " |",
    ]
    lines.append("|" + " --- |" * (lines[-1].count("|") - 1))
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for run in _runs(work, "search-*"):
        curve = curve_of(run, TRAINED_AT)
        rows[run["arm"]].append((run["learning_rate"], mean(curve[at] for at in BUDGETS)))
    lines += [
        f"| {arm} | " + " | ".join(f"{score:.3f}" for _, score in sorted(row)) + " |" for arm, row in rows.items()
    ]
    return "\n".join(lines)


def _accuracy_table(runs: dict[str, list[Run]], arms: Sequence[str], temperature: str) -> str:
    head = f"Accuracy, mean of {', '.join(SCORED)}; mean ± standard deviation over seeds; temperature {temperature}"
    lines = [
        head,
        "",
        f"| arm | {' | '.join(map(str, MEASURED_AT))} | mean length |",
        "|" + " --- |" * (len(MEASURED_AT) + 2),
    ]
    for arm in arms:
        curves = [curve_of(run, temperature) for run in runs[arm]]
        cells = [_spread([curve[at] for curve in curves]) for at in MEASURED_AT]
        length = mean(mean(run["measured"][temperature][family]["length"] for family in SCORED) for run in runs[arm])
        lines.append(f"| {arm} | {' | '.join(cells)} | {length:.0f} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def _verdicts(runs: dict[str, list[Run]], temperature: str) -> str:
    """The gap between arms at every budget, in points, and the larger of the two spreads."""
    lines = [
        f"Gap in points (larger spread of the two over seeds), temperature {temperature}",
        "",
        f"| | {' | '.join(map(str, MEASURED_AT))} |",
        "|" + " --- |" * (len(MEASURED_AT) + 1),
    ]
    for better in ("brpo-uniform", "brpo-linear"):
        for base in ("grpo", "grpo-a4", "grpo-linear"):
            if better in runs and base in runs:
                cells = [_gap(runs[better], runs[base], temperature, at) for at in MEASURED_AT]
                lines.append(f"| {better} − {base} | {' | '.join(cells)} |")  # noqa: RUF001
    return "\n".join(lines)


def _gap(better: list[Run], base: list[Run], temperature: str, at: int) -> str:
    ours, theirs = ([100 * curve_of(run, temperature)[at] for run in group] for group in (better, base))
    spread = max(stdev(values) if len(values) > 1 else 0.0 for values in (ours, theirs))
    return f"{mean(ours) - mean(theirs):+.1f} ({spread:.1f})"


def _families_table(runs: dict[str, list[Run]], arms: Sequence[str]) -> str:
    at = (24, 48, 96)
    families = (*SCORED, *OTHERS)
    lines = [
        f"By family at budgets {', '.join(map(str, at))}, temperature {TRAINED_AT}",
        "",
        f"| arm | {' | '.join(families)} |",
        "|" + " --- |" * (len(families) + 1),
    ]
    for arm in arms:
        cells = []
        for family in families:
            tables = [run["measured"][TRAINED_AT][family]["accuracy"] for run in runs[arm]]
            cells.append(" ".join(f"{mean(table[str(b)] for table in tables):.2f}" for b in at))
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _variance_table(runs: dict[str, list[Run]], first: int = 20) -> str:
    """Of the same rollouts: those of the BRPO-linear runs, whose first steps are near the warm-up."""
    logs = [entry for run in runs.get("brpo-linear", []) for entry in run["log"][:first]]
    lines = [
        f"Variance of the thinking advantage by segment (same rollouts: brpo-linear, first {first} steps)",
        "",
        f"| baseline | {' | '.join(map(str, BUDGETS))} |",
        "|" + " --- |" * (len(BUDGETS) + 1),
    ]
    for kind in ("none", "v1", "v2", "brpo"):
        cells = []
        for budget in BUDGETS:
            values = [entry[f"variance/{kind}/{budget}"] for entry in logs if f"variance/{kind}/{budget}" in entry]
            cells.append(f"{mean(values):.4f}" if values else "")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _manner_table(runs: dict[str, list[Run]], arms: Sequence[str]) -> str:
    names = list(runs[arms[0]][0]["measured"][TRAINED_AT]["largest"]["manner"])
    lines = [
        f"How largest and smallest are thought about, temperature {TRAINED_AT}",
        "",
        f"| arm | {' | '.join(name.replace('_', ' ') for name in names)} |",
        "|" + " --- |" * (len(names) + 1),
    ]
    for arm in arms:
        manners = [run["measured"][TRAINED_AT][family]["manner"] for run in runs[arm] for family in SCORED]
        lines.append(f"| {arm} | {' | '.join(f'{mean(m[name] for m in manners):.2f}' for name in names)} |")
    return "\n".join(lines)


def _samples(runs: dict[str, list[Run]]) -> str:
    blocks = ["Thinking before and after, the same problems, temperature 0.6"]
    for arm in (WARM_UP, "grpo", "brpo-linear"):
        for family in SCORED if arm in runs else ():
            for prompt, text in runs[arm][0]["measured"]["0.6"][family]["samples"][:2]:
                blocks.append(f"--- {arm}: {prompt}\n{text}")
    return "\n".join(blocks)
