"""What a person or a program sees of a session: one view per way of output."""

import os
import sys
from typing import Self, TextIO

from anytime_client import Event, Snapshot
from anytime_client.cli.exits import complain
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.plain_text import printable


class View:
    """Shows nothing but the answer at the end, on the standard output: what a pipe wants."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing; `finish` may follow."""

    def show(self, event: Event, snapshot: Snapshot) -> None:
        """Show an event, and the session as it stands after it."""

    def notice(self, text: str) -> None:
        """Tell the user what happens at their request."""
        complain("ask", text)

    def retrying(self, seconds: float) -> None:
        """Tell that the server could not be reached or is busy, and is tried again after so long."""

    def unanswered(self, text: str) -> None:
        """Tell that nothing has come of the server for long."""
        complain("ask", text)

    def finish(self, outcome: Outcome) -> None:
        """Print what came of it."""
        if outcome.has_answer and outcome.document.answer is not None:
            text = outcome.document.answer.text
            print(printable(text) if sys.stdout.isatty() else text)


class JsonView(View):
    """Prints the document."""

    def finish(self, outcome: Outcome) -> None:
        """Print what came of it."""
        print(outcome.document.model_dump_json(indent=2))


class EventsView(View):
    """Prints every event as a line, as soon as it comes."""

    def show(self, event: Event, snapshot: Snapshot) -> None:
        """Show an event."""
        print(event.model_dump_json(), flush=True)

    def finish(self, outcome: Outcome) -> None:
        """All is printed."""


def choose_view(*, as_json: bool, events: bool, verbose: bool, thinking: bool, within_s: float | None) -> View:
    """Return the view that the options and the terminal ask for."""
    from anytime_client.cli.narration import Narration

    if not (as_json or events) and _is_screen(sys.stdout):
        from anytime_client.cli.live_view import LiveView

        return LiveView(show_thinking=thinking, within_s=within_s)
    view = JsonView() if as_json else EventsView() if events else View()
    on_plain_terminal = sys.stdout.isatty() and not (as_json or events)
    return Narration(view, sys.stderr, show_thinking=thinking) if verbose or on_plain_terminal else view


def _is_screen(stream: TextIO) -> bool:
    """Whether this is a terminal that can draw over itself."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
