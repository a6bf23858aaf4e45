"""The study's curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study_parts.arms import ARMS, GROUPS, WARM_UP
from study_parts.measuring import TRAINED_AT
from study_parts.problems import StudyTask
from study_parts.tables import Runs, estimate, gap_at
from study_parts.verdicts import CANDIDATES, EARLY_POINTS

COLOURS = {
    WARM_UP: "#7f7f7f",
    "grpo": "#1f77b4",
    "grpo-a4": "#17becf",
    "grpo-linear": "#2ca02c",
    "grpo-uniform": "#98df8a",
    "grpo-time": "#aec7e8",
    "brpo-linear": "#ff9896",
    "brpo-linear-tenth": "#d62728",
    "brpo-uniform": "#ff7f0e",
    "brpo-uniform-frozen": "#9467bd",
    "brpo-base": "#8c564b",
    "elastic": "#bcbd22",
    "s-grpo": "#e377c2",
}
ABLATION = (WARM_UP, *(arm.name for arm in GROUPS["ablations"]), "brpo-linear")
Ceilings = Mapping[str, Mapping[int, float]]


def curves(runs: Runs, task: StudyTask, ceilings: Ceilings, path: Path) -> None:
    """Draw accuracy against budget with its error, below the ceilings, and the gap of BRPO to every GRPO arm.

    The gap is that of the first two candidates that were run. Ablations have a part of their own if any was run.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ablated = [arm for arm in ABLATION if arm in runs]
    leading = [arm for arm in CANDIDATES if arm in runs][:2]
    layout = [["accuracy", arm] for arm in leading] or [["accuracy"]]
    if len(ablated) > 2:
        layout = [[*row, "ablation"] for row in layout]
    figure, axes = plt.subplot_mosaic(layout, figsize=(7.2 * len(layout[0]), 6.4))
    _ceilings(axes["accuracy"], task, ceilings)
    _accuracy(axes["accuracy"], runs, task, [arm for arm in runs if arm not in ABLATION[1:-1]])
    axes["accuracy"].set(title=f"accuracy ({', '.join(task.families)})", ylim=(0, 1.02))
    for arm in leading:
        _gaps(axes[arm], runs, task, arm)
    if "ablation" in axes:
        _accuracy(axes["ablation"], runs, task, ablated)
        axes["ablation"].set(title="BRPO-linear, and what it lacks", ylim=(0, 1.02))
    for axis in axes.values():
        axis.set_xlabel("budget (thinking tokens)")
        axis.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _ceilings(axis: Any, task: StudyTask, ceilings: Ceilings) -> None:
    for (name, curve), dashes in zip(ceilings.items(), ((1, 2), (5, 2), (8, 2, 2, 2), (10, 3)), strict=False):
        axis.plot(
            task.measured_at,
            [curve[at] for at in task.measured_at],
            dashes=dashes,
            color="#b0b0b0",
            linewidth=1.2,
            zorder=1,
            label=f"perfect, {name}",
        )


def _accuracy(axis: Any, runs: Runs, task: StudyTask, arms: list[str]) -> None:
    for arm in arms:
        found = [estimate(runs[arm], TRAINED_AT, at) for at in task.measured_at]
        axis.errorbar(
            task.measured_at,
            [one.value for one in found],
            yerr=[one.error for one in found],
            fmt="--s" if arm == WARM_UP else "-o",
            markersize=3.5,
            linewidth=1.6,
            capsize=2,
            color=COLOURS.get(arm),
            label=arm,
        )
    axis.legend(fontsize=8, loc="lower right", ncols=2)


def _gaps(axis: Any, runs: Runs, task: StudyTask, ours: str) -> None:
    """An arm's lead over every GRPO arm; bars are twice its error, side by side."""
    axis.axhline(0, color="#404040", linewidth=0.8)
    axis.axhline(EARLY_POINTS, color="#b0b0b0", dashes=(4, 3), linewidth=1)
    axis.axvline(task.budgets[-1] * 2 / 3, color="#b0b0b0", dashes=(4, 3), linewidth=1)
    axis.set(title=f"lead of {ours} in points (bars: twice the standard error)")
    others = [arm for arm in runs if arm in ARMS and ARMS[arm].kind == "grpo"]
    for place, theirs in enumerate(others):
        found = [gap_at(runs[ours], runs[theirs], TRAINED_AT, at) for at in task.measured_at]
        axis.errorbar(
            [at + 0.8 * (place - len(others) / 2) for at in task.measured_at],
            [100 * one.value for one in found],
            yerr=[200 * one.error for one in found],
            fmt="-o",
            markersize=3,
            linewidth=1.3,
            capsize=2,
            color=COLOURS[theirs],
            label=f"over {theirs}",
        )
    if others:
        axis.legend(fontsize=8, loc="upper right")
