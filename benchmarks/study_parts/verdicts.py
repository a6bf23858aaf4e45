"""Whether BRPO holds what is asked of it, yes or no."""

from collections.abc import Sequence

from study_parts.arms import ARMS
from study_parts.estimates import Estimate
from study_parts.measuring import TRAINED_AT
from study_parts.problems import StudyTask
from study_parts.runs import Run
from study_parts.tables import Runs, gap_at

CANDIDATES = ("brpo-linear-tenth", "brpo-linear", "brpo-uniform")
EARLY_POINTS, LATE_POINTS = 10.0, 1.0
"""Wanted below two thirds of the largest budget, and at it."""
SEEDS = 3


def verdicts(runs: Runs, task: StudyTask) -> str:
    """A line for each pair of arms, and one for all of them."""
    largest = task.budgets[-1]
    early = [at for at in task.measured_at if 0 < at < largest * 2 / 3]
    lines = [
        f"Wanted: BRPO above every GRPO arm by {EARLY_POINTS:g} points at every budget below two thirds of the largest "
        f"({', '.join(map(str, early))}), by {LATE_POINTS:g} at the largest ({largest}), each gap more than twice its "
        f"error, {SEEDS} seeds or more; temperature {TRAINED_AT}"
    ]
    for ours in [arm for arm in CANDIDATES if arm in runs]:
        held = True
        for theirs in [arm for arm in runs if arm in ARMS and ARMS[arm].kind == "grpo"]:
            line, holds = _pair(ours, theirs, runs, early, largest)
            held &= holds
            lines.append(line)
        lines.append(f"- {ours} above every GRPO arm that was run: {_said(held)}")
    return "\n".join(lines)


def _pair(ours: str, theirs: str, runs: Runs, early: Sequence[int], largest: int) -> tuple[str, bool]:
    found = {at: gap_at(runs[ours], runs[theirs], TRAINED_AT, at) for at in (*early, largest)}
    at = min(early, key=lambda budget: found[budget].value)
    early_holds = all(_clear(found[budget], EARLY_POINTS) for budget in early)
    late_holds = _clear(found[largest], LATE_POINTS)
    enough = min(_seeds(runs[ours]), _seeds(runs[theirs])) >= SEEDS
    line = (
        f"- {ours} − {theirs}: below two thirds at least {_points(found[at])} (at {at}): {_said(early_holds)}; "  # noqa: RUF001
        f"at {largest} {_points(found[largest])}: {_said(late_holds)}"
    )
    return line + ("" if enough else f"; fewer than {SEEDS} seeds"), early_holds and late_holds and enough


def _clear(gap: Estimate, points: float) -> bool:
    return 100 * gap.value >= points and gap.value > 2 * gap.error


def _points(gap: Estimate) -> str:
    return f"{100 * gap.value:+.1f} ± {100 * gap.error:.1f}"


def _seeds(group: Sequence[Run]) -> int:
    return len({run["seed"] for run in group})


def _said(holds: bool) -> str:
    return "yes" if holds else "no"
