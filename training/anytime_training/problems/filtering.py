"""Which problems are left out: duplicates, those of the evaluation, and what is too long."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from anytime_training.errors import DataError
from anytime_training.problems.prompts import Messages, key_of

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, slots=True)
class FilterReport:
    """How many problems were kept, and why the others were not."""

    kept: int
    too_long: int = 0
    duplicates: int = 0
    in_evaluation: int = 0
    without_answer: int = 0

    @property
    def left_out(self) -> str:
        """How many were left out for each reason, in words; empty if none was."""
        counts = {name: n for name, n in asdict(self).items() if n and name != "kept"}
        return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())


def filtered(
    problems: "Dataset", too_long: Callable[[Messages], bool], evaluation: "Dataset | None", unanswered: int
) -> "tuple[Dataset, FilterReport]":
    """Leave problems out, and report how many and why; `unanswered` were left out before.

    Raises:
        DataError: if none is left.
    """
    held_out = {key_of(row) for row in evaluation} if evaluation is not None else set()
    seen: set[str] = set()
    removed = {"in_evaluation": 0, "duplicates": 0, "too_long": 0}
    kept: list[int] = []
    for index, row in enumerate(problems):
        key = key_of(row)
        if key in held_out:
            removed["in_evaluation"] += 1
        elif key in seen:
            removed["duplicates"] += 1
        elif too_long(row["prompt"]):
            removed["too_long"] += 1
        else:
            kept.append(index)
        seen.add(key)
    report = FilterReport(len(kept), without_answer=unanswered, **removed)
    if not kept:
        raise DataError(f"no problem is left: {report}")
    return problems.select(kept), report
