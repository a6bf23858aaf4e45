"""The live view of a session on a terminal: it draws over itself, and leaves the result behind."""

import time
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from anytime_client import Event, Snapshot
from anytime_client.cli.frame import Clock, Layout, final_frame, live_frame
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.views import View
from anytime_client.cli.wording import again_in

FRAMES_PER_SECOND = 10


class LiveView(View):
    """Redraws the session as it stands ten times a second, in a thread of rich; snapshots never change."""

    def __init__(self, *, show_thinking: bool, within_s: float | None = None) -> None:
        """Draw on the standard output; `within_s` is the time that the session has, if it has one."""
        self._console = Console(highlight=False)
        self._show_thinking = show_thinking
        self._within_s = within_s
        self._begun = time.monotonic()
        self._snapshot = Snapshot()
        self._notice: str | None = None
        self._waiting: str | None = None
        self._live = Live(
            get_renderable=self._frame,
            console=self._console,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the frame."""
        self._live.stop()

    def show(self, event: Event, snapshot: Snapshot) -> None:
        """Have the session drawn as it stands, with the next frame."""
        self._snapshot = snapshot
        self._waiting = None

    def notice(self, text: str) -> None:
        """Tell what happens at the user's request, in place of the hint."""
        self._notice = text

    def retrying(self, seconds: float) -> None:
        """Tell that the server is tried again, until the next event."""
        self._waiting = again_in(seconds)

    def unanswered(self, text: str) -> None:
        """Tell that nothing has come of the server for long, until the next event."""
        self._waiting = text

    def finish(self, outcome: Outcome) -> None:
        """Print the interim answers, the answer and what it took."""
        answers = max(8, self._console.height - 12)
        # The terminal wraps the answer, so that it is copied as it was written.
        self._console.print(final_frame(outcome, self._console.width, answers), soft_wrap=True)

    def _frame(self) -> RenderableType:
        width, height = self._console.size
        layout = Layout.of(width, height, show_thinking=self._show_thinking)
        clock = Clock(time.monotonic() - self._begun, self._within_s)
        return live_frame(
            self._snapshot, self._console, layout=layout, clock=clock, notice=self._waiting or self._notice
        )
