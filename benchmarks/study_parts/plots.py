"""The study's curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

MAIN = ("warm-up", "grpo", "grpo-a4", "grpo-linear", "brpo-base", "brpo-uniform", "brpo-linear")
ABLATION = ("warm-up", "brpo-linear-none", "brpo-linear-v1", "brpo-linear-v2", "brpo-linear")


def curves(accuracy: Mapping[str, Sequence[Mapping[int, float]]], path: Path) -> None:
    """Draw accuracy against budget, a line an arm with the spread of its seeds: arms, and the ablation."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True)
    for axis, title, names in zip(
        axes, ("methods and priors", "baselines of BRPO-linear"), (MAIN, ABLATION), strict=True
    ):
        for name in names:
            if name in accuracy:
                _line(axis, name, accuracy[name])
        axis.set(title=title, xlabel="budget (thinking tokens)")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="lower right")
    axes[0].set_ylabel("accuracy (largest and smallest)")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _line(axis: object, name: str, runs: Sequence[Mapping[int, float]]) -> None:
    budgets = list(runs[0])
    middle = [mean(run[at] for run in runs) for at in budgets]
    spread = [stdev([run[at] for run in runs]) if len(runs) > 1 else 0.0 for at in budgets]
    dashed = name == "warm-up"
    [line] = axis.plot(
        budgets, middle, "--" if dashed else "-o", markersize=3, label=name, color="gray" if dashed else None
    )  # type: ignore[attr-defined]
    low, high = (
        [m - s for m, s in zip(middle, spread, strict=True)],
        [m + s for m, s in zip(middle, spread, strict=True)],
    )
    axis.fill_between(budgets, low, high, alpha=0.15, color=line.get_color())  # type: ignore[attr-defined]
