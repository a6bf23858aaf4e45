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
    "brpo-linear": "#d62728",
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

    The ablation of the baselines has a part of its own if any of it was run.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ablated = [arm for arm in ABLATION if arm in runs]
    parts = 2 + (len(ablated) > 2)
    figure, axes = plt.subplots(1, parts, figsize=(7.2 * parts, 5.2))
    _ceilings(axes[0], task, ceilings)
    _accuracy(axes[0], runs, task, [arm for arm in runs if arm not in ABLATION[1:-1]])
    axes[0].set(title=f"accuracy ({', '.join(task.families)})", ylim=(0, 1.02))
    _gaps(axes[1], runs, task)
    if parts > 2:
        _accuracy(axes[2], runs, task, ablated)
        axes[2].set(title="baselines of BRPO-linear", ylim=axes[0].get_ylim())
    for axis in axes:
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


def _gaps(axis: Any, runs: Runs, task: StudyTask) -> None:
    """BRPO with each prior above every GRPO arm; bars are twice the gap's error."""
    for ours, style in zip(CANDIDATES, ("-o", "--^"), strict=True):
        for theirs in [arm for arm in runs if ours in runs and arm in ARMS and ARMS[arm].kind == "grpo"]:
            found = [gap_at(runs[ours], runs[theirs], TRAINED_AT, at) for at in task.measured_at]
            axis.errorbar(
                task.measured_at,
                [100 * one.value for one in found],
                yerr=[200 * one.error for one in found],
                fmt=style,
                markersize=3.5,
                linewidth=1.4,
                capsize=2,
                color=COLOURS[theirs],
                label=f"{ours} − {theirs}",  # noqa: RUF001
            )
    axis.axhline(0, color="#404040", linewidth=0.8)
    axis.axhline(EARLY_POINTS, color="#b0b0b0", dashes=(4, 3), linewidth=1)
    axis.axvline(task.budgets[-1] * 2 / 3, color="#b0b0b0", dashes=(4, 3), linewidth=1)
    axis.set(title="lead of BRPO in points (bars: twice the standard error)")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8, loc="upper right")
