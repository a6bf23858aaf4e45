"""The progress of a session in plain lines, beside another view."""

from typing import Self, TextIO

from anytime_client import Event, Snapshot
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.plain_text import one_line, printable
from anytime_client.cli.trunk_lines import TrunkLines
from anytime_client.cli.views import View
from anytime_client.cli.wording import again_in, percent, seconds, summary
from anytime_client.protocol import (
    BudgetChanged,
    CheckpointEvent,
    ReasonCancelled,
    ReasonCompleted,
    ReasonCreated,
    ReasonFailed,
    ReasonResumed,
    ThinkingDelta,
)


class Narration(View):
    """Writes the thinking as it comes, and a line for each interim answer; the result is the other view's."""

    def __init__(self, view: View, out: TextIO, *, show_thinking: bool) -> None:
        """Tell the progress to `out`, and pass everything on to `view`."""
        self._view = view
        self._out = out
        self._show_thinking = show_thinking
        self._trunks = TrunkLines()
        self._mid_line = False

    def __enter__(self) -> Self:
        """Begin."""
        self._view.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        """End the lines that thinking may have left open."""
        self._end_lines()
        self._view.__exit__(*details)

    def show(self, event: Event, snapshot: Snapshot) -> None:
        """Tell an event."""
        match event:
            case ReasonCreated():
                self._line(f"{event.model} thinks, within {event.budget.granted} tokens ({event.id})")
            case ThinkingDelta(trunk=None) if self._show_thinking:
                self._write(printable(event.delta))
            case ThinkingDelta(trunk=int(trunk)) if self._show_thinking:
                for line in self._trunks.take(trunk, printable(event.delta)):
                    self._write(line)
            case CheckpointEvent():
                said = one_line(event.value or event.answer)
                self._line(f"at {event.at}: {said} ({percent(event.confidence)}, {seconds(event.elapsed_ms)})")
            case BudgetChanged():
                why = ", for the load of the server" if event.cause == "load" else ""
                self._line(f"within {event.budget.granted} tokens{why}")
            case ReasonResumed():
                self._line(f"goes on after the loss of the {event.cause} ({seconds(event.downtime_ms)})")
            case ReasonCompleted() | ReasonCancelled() | ReasonFailed():
                self._end_lines()
                self._line(summary(event.document))
        self._view.show(event, snapshot)

    def notice(self, text: str) -> None:
        """Tell what happens at the user's request."""
        self._line(text)

    def retrying(self, seconds: float) -> None:
        """Tell that the server is tried again."""
        self._line(again_in(seconds))

    def unanswered(self, text: str) -> None:
        """Tell that nothing has come of the server for long."""
        self._line(text)

    def finish(self, outcome: Outcome) -> None:
        """Leave the result to the other view."""
        self._view.finish(outcome)

    def _line(self, text: str) -> None:
        self._end_line()
        self._write(f"[{text}]\n")

    def _end_lines(self) -> None:
        self._end_line()
        for line in self._trunks.rest():
            self._write(line)

    def _end_line(self) -> None:
        if self._mid_line:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()
            self._mid_line = not text.endswith("\n")
