"""The curves and the lengths as pictures: a panel for each family, a line for each run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime_training.evaluation.curves import MEAN, Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_INCHES = (4.0, 3.2)
LEGEND_INCHES = 0.75
BINS = 30


def draw_curves(curves: Sequence[Curve], path: Path) -> None:
    """Draw accuracy against budget with 95 % bands into a PNG."""

    def draw(axis: Any, curve: Curve, colour: str) -> None:
        budgets = [point.budget for point in curve.points]
        axis.plot(budgets, [p.accuracy.mean for p in curve.points], "-o", markersize=3.5, color=colour)
        low, high = [p.accuracy.low for p in curve.points], [p.accuracy.high for p in curve.points]
        axis.fill_between(budgets, low, high, alpha=0.18, linewidth=0, color=colour)

    figure, axes = _panels(curves, draw, f"Accuracy by budget, 95 % intervals ({_size(curves[0])})")
    for axis in axes:
        axis.set(xlabel="budget (thinking tokens)", ylabel="accuracy", ylim=(-0.02, 1.02))
    figure.savefig(path, dpi=140)


def draw_lengths(curves: Sequence[Curve], path: Path) -> None:
    """Draw histograms of the thinking lengths into a PNG; the last bin holds what the largest budget cut."""
    largest = max(curve.points[-1].budget for curve in curves)
    step = max(1, -(-largest // BINS))
    edges = [at - 0.5 for at in range(0, largest + step + 1, step)]

    def draw(axis: Any, curve: Curve, colour: str) -> None:
        lengths = [length for length, _ in curve.lengths]
        weights = [1 / len(lengths)] * len(lengths)
        axis.hist(lengths, edges, weights=weights, histtype="stepfilled", alpha=0.18, color=colour)
        axis.hist(lengths, edges, weights=weights, histtype="step", linewidth=1.5, color=colour)
        axis.axvline(curve.mean_length, linestyle=":", linewidth=1.5, color=colour)

    figure, axes = _panels(curves, draw, f"Thinking length, cut at {largest} tokens; dotted: mean ({_size(curves[0])})")
    for axis in axes:
        axis.set(xlabel="thinking length (tokens)", ylabel="share of rollouts")
        axis.set_ylim(bottom=0)
    figure.savefig(path, dpi=140)


def _panels(curves: Sequence[Curve], draw: Callable[[Any, Curve, str], None], title: str) -> tuple["Figure", list[Any]]:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    families = list(dict.fromkeys(curve.family for curve in curves))
    runs = list(dict.fromkeys(curve.run for curve in curves))
    colours = dict(zip(runs, _colours(), strict=False))
    columns = min(3, len(families))
    rows = -(-len(families) // columns)
    width, height = max(6.0, columns * PANEL_INCHES[0]), rows * PANEL_INCHES[1] + LEGEND_INCHES
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    axes = dict(zip(families, grid, strict=False))
    for unused in list(figure.axes)[len(families) :]:
        unused.set_visible(False)
    for family, axis in axes.items():
        axis.set_title("mean over families" if family == MEAN else family)
        axis.grid(alpha=0.3)
    for curve in curves:
        draw(axes[curve.family], curve, colours[curve.run])
    figure.suptitle(title)
    handles = [Line2D([], [], color=colours[run], marker="o", markersize=3.5, label=run) for run in runs]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(runs)), frameon=False)
    return figure, list(axes.values())


def _colours() -> Iterator[str]:
    """Ten distinct colours, over and over."""
    while True:
        yield from (f"C{index}" for index in range(10))


def _size(curve: Curve) -> str:
    rollouts = "" if curve.samples == 1 else f", {curve.samples} rollouts each"
    return f"{curve.n_problems} problems a family{rollouts}"
