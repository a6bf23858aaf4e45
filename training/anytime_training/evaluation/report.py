"""The results as files and as text: CSV, JSON and Markdown tables."""

import csv
import json
import platform
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from anytime_training.evaluation.curves import Curve
from anytime_training.evaluation.measured import Measured
from anytime_training.evaluation.saving import TOLERANCE, Saving
from anytime_training.evaluation.statistics import Estimate
from anytime_training.evaluation.tables import table

CURVE_COLUMNS = (
    "run",
    "family",
    "budget",
    "accuracy",
    "ci_low",
    "ci_high",
    "n_problems",
    "samples",
    "answer_tokens",
    "answers_capped",
)
LENGTH_COLUMNS = ("run", "family", "length", "ended", "rollouts")
LIBRARIES = ("anytime-reasoning", "torch", "transformers")


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """Write one row per run, family and budget."""
    rows = (
        (
            *(curve.run, curve.family, point.budget),
            *(point.accuracy.mean, point.accuracy.low, point.accuracy.high),
            *(curve.n_problems, curve.samples, point.answer_tokens, point.capped),
        )
        for curve in curves
        for point in curve.points
    )
    _write(path, CURVE_COLUMNS, rows)


def write_lengths(curves: Sequence[Curve], path: Path) -> None:
    """Write how many rollouts thought for so many tokens, and whether they ended by themselves."""
    rows = (
        (curve.run, curve.family, length, int(ended), count)
        for curve in curves
        for (length, ended), count in sorted(Counter(curve.lengths).items())
    )
    _write(path, LENGTH_COLUMNS, rows)


def tables(measured: Measured) -> str:
    """A run as Markdown that fits 80 columns: accuracy by budget, what else is known, and what stopping saves."""
    curves = measured.curves
    budgets = [
        (str(point.budget), *(_percent(curve.points[at].accuracy) for curve in curves))
        for at, point in enumerate(curves[0].points)
    ]
    parts = [
        f"{measured.run}: right answers in %, by thinking tokens{_of_each(measured.answers.conditions.trunks)}",
        table(("budget", *(curve.family for curve in curves)), budgets),
        "How early the answers are right, and how long the thinking is:",
        table(THINKING, [_thinking(curve) for curve in curves]),
        "The answers:",
        table(ANSWERS, [_answers(curve) for curve in curves]),
    ]
    if measured.savings:
        most = f"{100 * TOLERANCE:g} points"
        parts.append(f"Stopping early, by settings that lost at most {most} on the other half:")
        parts.append(table(SAVED, [_saved(one) for one in measured.savings]))
    return "\n\n".join(parts)


def _of_each(trunks: int) -> str:
    return f" of each of {trunks} trunks" if trunks > 1 else ""


THINKING = ("family", "area", "index", "settles", "length", "ends")


def _thinking(curve: Curve) -> tuple[str, ...]:
    return (
        curve.family,
        _percent(curve.area),
        f"{100 * curve.index:.1f}",
        f"{curve.settled:.0f}",
        f"{curve.mean_length:.0f}",
        f"{curve.ended:.2f}",
    )


ANSWERS = ("family", "ece", "leaks", "reply", "caps")


def _answers(curve: Curve) -> tuple[str, ...]:
    tokens = sum(point.answer_tokens for point in curve.points) / len(curve.points)
    capped = sum(point.capped for point in curve.points) / len(curve.points)
    return (
        curve.family,
        f"{100 * curve.calibration_error:.1f}",
        "-" if curve.leaked is None else f"{curve.leaked:.2f}",
        f"{tokens:.1f}",
        f"{capped:.2f}",
    )


SAVED = ("rule", "setting", "tokens", "saved", "accuracy")


def _saved(one: Saving) -> tuple[str, ...]:
    return (one.rule, one.setting, f"{one.tokens:.0f}", f"{100 * one.saved:.0f} %", f"{100 * one.change:+.1f}")


def summary(
    measured: Sequence[Measured], command: Sequence[str], settings: dict[str, Any], devices: dict[str, str]
) -> str:
    """One JSON line: what was measured, with what, what is known of each curve, and what the rules save of each run."""
    return json.dumps(
        {
            "command": list(command),
            "settings": settings,
            "devices": devices,
            "versions": {"python": platform.python_version(), **_versions()},
            "commit": _commit(),
            "curves": [
                {
                    "run": curve.run,
                    "family": curve.family,
                    "n_problems": curve.n_problems,
                    "area": _rounded(curve.area),
                    "accuracy": {point.budget: _rounded(point.accuracy) for point in curve.points},
                    "mean_length": round(curve.mean_length, 2),
                    "ended": round(curve.ended, 4),
                    "anytime_index": round(curve.index, 4),
                    "settled": round(curve.settled, 2),
                    "calibration_error": round(curve.calibration_error, 4),
                    "leaked": None if curve.leaked is None else round(curve.leaked, 4),
                }
                for one in measured
                for curve in one.curves
            ],
            "savings": {one.run: [asdict(saving) for saving in one.savings] for one in measured},
        }
    )


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.mean:.1f}±{50 * (estimate.high - estimate.low):.0f}"


def _rounded(estimate: Estimate) -> list[float]:
    return [round(value, 4) for value in (estimate.mean, estimate.low, estimate.high)]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _versions() -> dict[str, str | None]:
    return {library: _version(library) for library in LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of this code, with `-dirty` if it was changed since; None outside a repository."""
    if (head := _git("rev-parse", "--short=12", "HEAD")) is None:
        return None
    return f"{head}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*arguments: str) -> str | None:
    """The output of a command that only reads: without the index lock it can't get in the way of another git."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
