"""The study's runs as a table, curves, and JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from harness.environment import environment
from study_parts import plots
from study_parts.arms import BUDGETS, WARM_UP
from study_parts.runs import FIRST_STEPS, KINDS, SAMPLED, SCORED, TRAINED_AT, Results, Run, curve_of
from study_parts.thinking import BUDGETS as MEASURED_AT

OTHERS = ("closest", "sums", "outside")
Runs = Mapping[str, Sequence[Run]]


def report(work: Path, results: Path, arguments: Sequence[str], note: str = "", earlier: Path | None = None) -> None:
    """Write brpo-study.txt, .json and .png into `results`, and print the text; it begins with `note`.

    Runs of the `earlier` JSON that `work` does not hold count as well.
    """
    found = Results.read(work, earlier)
    runs = found.by_arm
    parts = [*([note] if note else []), _seeds(runs), _search_table(found.search)]
    for temperature in (TRAINED_AT, "0.6"):
        parts += [_accuracy_table(runs, temperature), _verdicts(runs, temperature)]
    parts += [_families_table(runs), _variance_table(runs), _manner_table(runs), _samples(runs)]
    text = "\n\n".join(parts)
    plots.curves(
        {arm: [curve_of(run, TRAINED_AT) for run in group] for arm, group in runs.items()}, results / "brpo-study.png"
    )
    (results / "brpo-study.txt").write_text(text + "\n")
    document = {
        "benchmark": "brpo_study",
        "environment": environment("benchmarks/brpo_study.py", arguments).as_dict(),
        "note": note,
        "train_hours": round(sum(run["train_seconds"] for run in found.runs) / 3600, 2),
        "learning_rates": found.learning_rates,
    }
    everything = {**document, "search": found.search, "runs": found.runs}
    (results / "brpo-study.json").write_text(json.dumps(everything) + "\n")
    print(text)
    print(json.dumps(document))


def _seeds(runs: Runs) -> str:
    trained = {arm: group for arm, group in runs.items() if arm != WARM_UP}
    told = ", ".join(f"{arm} {len(group)}" for arm, group in trained.items())
    steps = sorted({run["steps"] for group in trained.values() for run in group})
    return f"Seeds: {told}. Steps: {', '.join(map(str, steps))}."


def _search_table(search: Sequence[Run]) -> str:
    rates = sorted({run["learning_rate"] for run in search})
    lines = [
        "Learning rate search (one seed, mean accuracy over the budgets 24 to 96, temperature 1)",
        "",
        f"| arm | {' | '.join(f'{rate:g}' for rate in rates)} |",
        "|" + " --- |" * (len(rates) + 1),
    ]
    for arm in sorted({run["arm"] for run in search}):
        scores = {run["learning_rate"]: f"{run['accuracy']:.3f}" for run in search if run["arm"] == arm}
        lines.append(f"| {arm} | {' | '.join(scores.get(rate, '') for rate in rates)} |")
    return "\n".join(lines)


def _accuracy_table(runs: Runs, temperature: str) -> str:
    head = f"Accuracy, mean of {', '.join(SCORED)}; mean ± standard deviation over seeds; temperature {temperature}"
    lines = [
        head,
        "",
        f"| arm | {' | '.join(map(str, MEASURED_AT))} | mean length |",
        "|" + " --- |" * (len(MEASURED_AT) + 2),
    ]
    for arm, group in runs.items():
        curves = [curve_of(run, temperature) for run in group]
        cells = [_spread([curve[at] for curve in curves]) for at in MEASURED_AT]
        length = mean(mean(run["measured"][temperature][family]["length"] for family in SCORED) for run in group)
        lines.append(f"| {arm} | {' | '.join(cells)} | {length:.0f} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def _verdicts(runs: Runs, temperature: str) -> str:
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


def _gap(better: Sequence[Run], base: Sequence[Run], temperature: str, at: int) -> str:
    ours, theirs = ([100 * curve_of(run, temperature)[at] for run in group] for group in (better, base))
    spread = max(stdev(values) if len(values) > 1 else 0.0 for values in (ours, theirs))
    return f"{mean(ours) - mean(theirs):+.1f} ({spread:.1f})"


def _families_table(runs: Runs) -> str:
    at = (24, 48, 96)
    families = (*SCORED, *OTHERS)
    lines = [
        f"By family at budgets {', '.join(map(str, at))}, temperature {TRAINED_AT}",
        "",
        f"| arm | {' | '.join(families)} |",
        "|" + " --- |" * (len(families) + 1),
    ]
    for arm, group in runs.items():
        cells = []
        for family in families:
            tables = [run["measured"][TRAINED_AT][family]["accuracy"] for run in group]
            cells.append(" ".join(f"{mean(table[str(b)] for table in tables):.2f}" for b in at))
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _variance_table(runs: Runs) -> str:
    """Of the same rollouts: those of the BRPO-linear runs, whose first steps are near the warm-up."""
    lines = [
        f"Variance of the thinking advantage by segment (same rollouts: brpo-linear, first {FIRST_STEPS} steps)",
        "",
        f"| baseline | {' | '.join(map(str, BUDGETS))} |",
        "|" + " --- |" * (len(BUDGETS) + 1),
    ]
    for kind in KINDS:
        names = [f"{kind}/{budget}" for budget in BUDGETS]
        found = [
            [run["variance"][name] for run in runs.get("brpo-linear", []) if name in run["variance"]] for name in names
        ]
        lines.append(f"| {kind} | {' | '.join(f'{mean(values):.4f}' if values else '' for values in found)} |")
    return "\n".join(lines)


def _manner_table(runs: Runs) -> str:
    names = list(runs[WARM_UP][0]["manner"])
    lines = [
        f"How largest and smallest are thought about, temperature {TRAINED_AT}",
        "",
        f"| arm | {' | '.join(name.replace('_', ' ') for name in names)} |",
        "|" + " --- |" * (len(names) + 1),
    ]
    for arm, group in runs.items():
        cells = [f"{mean(run['manner'][name] for run in group):.2f}" for name in names]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _samples(runs: Runs) -> str:
    blocks = ["Thinking before and after, the same problems, temperature 0.6"]
    for arm in SAMPLED:
        for prompt, text in [pair for run in runs.get(arm, []) for pair in run.get("samples", [])]:
            blocks.append(f"--- {arm}: {prompt}\n{text}")
    return "\n".join(blocks)
