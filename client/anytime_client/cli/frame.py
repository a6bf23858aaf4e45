"""What the live view draws: pure functions from a session as it stands to something that rich prints."""

from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from anytime_client import Snapshot
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.plain_text import one_line, printable
from anytime_client.cli.wording import percent, seconds, summary
from anytime_client.protocol import Budget, CheckpointAnswer

HINT = "Ctrl-C: answer now; twice: cancel"
BAR_WIDTH = 10
WIDE, MEDIUM = 72, 48
"""Columns of a terminal from which on all of the table fits, and from which on all but the time and the bar."""
COLUMNS = {"at": 5, "answer": 0, "sure": 4, "bar": BAR_WIDTH, "votes": 5, "stable": 6, "after": 9}
"""The table's columns in their order, and how wide they get; the answer takes what is left."""
GAP = 2
FIXED_LINES = 4
"""Of a frame: a blank line, the table's heading, the budget and the hint."""
TAIL_CHARACTERS_PER_CELL = 4
"""Text to look at for each cell to fill, at most: wrapping a long thinking again and again would be slow."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many lines each part of a frame may take on a terminal of this size."""

    width: int
    thinking: int
    answers: int
    answer: int

    @classmethod
    def of(cls, width: int, height: int, *, show_thinking: bool) -> "Layout":
        """Share the lines of a terminal out; its last one stays free."""
        room = max(1, height - 1 - FIXED_LINES)
        thinking = min(5, room // 3) if show_thinking else 0
        answer = min(6, room // 3)
        return cls(width, thinking, max(1, room - thinking - answer), answer)


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since the question was asked, and how many there are in all if that is limited."""

    elapsed_s: float
    within_s: float | None = None


def live_frame(
    snapshot: Snapshot, console: Console, *, layout: Layout, clock: Clock, notice: str | None
) -> RenderableType:
    """Return the frame of a session that runs."""
    if snapshot.budget is None:
        return Text(notice or "waiting for the server", style="dim", overflow="ellipsis", no_wrap=True)
    parts: list[RenderableType] = []
    if layout.thinking:
        parts += [_tail(snapshot.thinking, console, layout.width, layout.thinking, "dim"), Text()]
    if snapshot.checkpoints:
        parts.append(answers_table(snapshot.checkpoints, layout.width, layout.answers))
    if snapshot.answer_text and layout.answer:
        parts.append(_tail(snapshot.answer_text, console, layout.width, layout.answer, "bold"))
    parts.append(_progress(snapshot.budget, layout.width, clock))
    parts.append(Text(notice or HINT, style="yellow" if notice else "dim", overflow="ellipsis", no_wrap=True))
    return Group(*parts)


def final_frame(outcome: Outcome, width: int, answers: int) -> RenderableType:
    """Return what stays on the terminal: the interim answers, the answer, and what it took."""
    document = outcome.document
    parts: list[RenderableType] = []
    if document.checkpoints:
        parts += [answers_table(document.checkpoints, width, answers), Text()]
    if outcome.has_answer and document.answer is not None:
        parts += [Text(printable(document.answer.text), style="bold"), Text()]
    parts.append(Text(summary(document), style="dim"))
    return Group(*parts)


def answers_table(answers: tuple[CheckpointAnswer, ...], width: int, most: int) -> Table:
    """Return a table of the newest interim answers in `most` rows, with as many columns as fit."""
    rows = [_cells(answer) for answer in answers[max(0, len(answers) - most) :]]
    if len(rows) < len(answers) and most > 1:
        rows[0] = {"at": "…", "answer": f"{len(answers) - len(rows) + 1} earlier"}
    names = [name for name in COLUMNS if _has_place(name, width) and any(name in row for row in rows)]
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    taken = sum(COLUMNS[name] + GAP for name in names)
    for name in names:
        if name == "answer":
            table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=max(6, width - taken))
        else:
            table.add_column("" if name == "bar" else name, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*(row.get(name, "") for name in names), style=_row_style(row))
    return table


def _has_place(name: str, width: int) -> bool:
    if name in ("bar", "after"):
        return width >= WIDE
    return width >= MEDIUM or name in ("at", "answer", "sure")


def _cells(answer: CheckpointAnswer) -> dict[str, RenderableType]:
    voted = {"votes": f"{answer.votes}/{answer.samples}"} if answer.samples > 1 else {}
    return {
        "at": str(answer.at),
        "answer": Text(one_line(answer.value or answer.answer)),
        "sure": percent(answer.confidence),
        "bar": _bar(answer.confidence, BAR_WIDTH),
        **voted,
        "stable": str(answer.stable_for),
        "after": seconds(answer.elapsed_ms),
    }


def _row_style(row: dict[str, RenderableType]) -> str:
    """A new answer stands out; what is left out does not."""
    return "dim" if "stable" not in row else "bold" if row["stable"] == "1" else ""


def _progress(budget: Budget, width: int, clock: Clock) -> RenderableType:
    """Return how much of the time is over if it is limited, else how much of the budget is spent."""
    time = seconds(clock.elapsed_s * 1000)
    if clock.within_s is not None:
        share, words = clock.elapsed_s / clock.within_s, f"{time} of {clock.within_s:g} s  {budget.spent} tokens"
    else:
        share, words = budget.spent / max(1, budget.granted), f"{budget.spent}/{budget.granted} tokens  {time}"
    grid = Table.grid(padding=(0, GAP, 0, 0))
    if width >= MEDIUM:
        grid.add_row(_bar(share, min(40, width // 2)), words)
    else:
        grid.add_row(words)
    return grid


def _bar(share: float, width: int) -> ProgressBar:
    return ProgressBar(total=1, completed=share, width=width, complete_style="cyan", finished_style="cyan")


def _tail(text: str, console: Console, width: int, lines: int, style: str) -> RenderableType:
    recent = printable(text[-width * lines * TAIL_CHARACTERS_PER_CELL :]).strip("\n")
    wrapped = Text(recent).wrap(console, width)
    return Text("\n", style=style).join(wrapped[-lines:])
