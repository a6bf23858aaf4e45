"""The report as a person reads it, line by line, and as a program does."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anytime_server.doctor.findings import Finding, Status, worst

STYLES: dict[Status, str] = {"ok": "green", "warning": "yellow", "fail": "bold red"}
VERDICTS: dict[Status, str] = {
    "ok": "anytime serve is ready to go.",
    "warning": "anytime serve should work; mind the warnings.",
    "fail": "anytime serve would not work: see what failed above.",
}
STATUS_WIDTH, CHECK_WIDTH = 8, 10


def show(finding: Finding, console: Console) -> None:
    """Print one finding, and its remedy below it."""
    text = Text(finding.text)
    if finding.remedy:
        text.append(f"\n-> {finding.remedy}", style="bold")
    status = Text(finding.status, style=STYLES[finding.status])
    if not console.is_terminal:
        start = f"{finding.status:<{STATUS_WIDTH}}{finding.check:<{CHECK_WIDTH}}"
        lines = text.plain.replace("\n", "\n" + " " * len(start))
        console.print(start + lines, soft_wrap=True, markup=False, highlight=False)
        return
    row = Table.grid()
    row.add_column(width=STATUS_WIDTH)
    row.add_column(width=CHECK_WIDTH)
    row.add_column(overflow="fold")
    row.add_row(status, finding.check, text)
    console.print(row)


def show_waiting(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Pass `findings` on; while one is waited for, a terminal shows that something is going on."""
    # On the standard error, which no check redirects.
    console = Console(stderr=True)
    while True:
        with console.status("looking"):
            finding = next(findings, None)
        if finding is None:
            return
        yield finding


def conclude(findings: Sequence[Finding], console: Console) -> None:
    """Print the verdict."""
    status = worst(findings)
    console.print()
    console.print(Text(VERDICTS[status], style=STYLES[status]))


def to_json(findings: Sequence[Finding]) -> str:
    """Return all findings as one JSON document."""
    return json.dumps({"status": worst(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)
