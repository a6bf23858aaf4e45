"""What a check has found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "fail"]
SEVERITY: tuple[Status, ...] = ("ok", "warning", "fail")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at, in a word.
        status: `fail` means that `anytime serve` would not work.
        text: what was found.
        remedy: what to do about it; an `ok` needs none.
        details: the same for programs.
    """

    check: str
    status: Status
    text: str
    remedy: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def failure(check: str, error: Exception) -> Finding:
    """Return the finding of an error whose message is `problem; remedy`, as ours are."""
    problem, _, remedy = str(error).partition("; ")
    return Finding(check, "fail", problem, remedy or None)


def worst(findings: Iterable[Finding]) -> Status:
    """Return the most severe status; `ok` of nothing."""
    return max((finding.status for finding in findings), key=SEVERITY.index, default="ok")
