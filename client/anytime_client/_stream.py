"""A session's stream, read by blocking."""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from anytime_client import _calls
from anytime_client._errors import AnytimeError
from anytime_client._flows import STEPS, StreamFlow, advance, fetch_document
from anytime_client._line import Line
from anytime_client._reading import Reading
from anytime_client._replies import completed
from anytime_client._retries import Attempts
from anytime_client._stream_view import FAREWELL_S, StreamView
from anytime_client.protocol import Event, ReasonDocument


class Stream(StreamView):
    """An iterator over a session's events, for use in a `with` statement.

    A connection that breaks is taken up again: the events have no gap and no duplicate. Leaving the `with` statement
    before the session's end cancels the session if it was begun here, and not in the background. `answer_now`, `extend`
    and `cancel` may be called from other threads. After an error or a KeyboardInterrupt, iterating again goes on behind
    the last event.

    Raises (while iterating): APIConnectionError, SessionLostError and the other AnytimeErrors, with the best answer so
    far in them. A session that fails or is cancelled ends the iteration with its event.
    """

    def __init__(
        self,
        reading: Reading,
        line: Callable[[], Line],
        attempts: Callable[[], Attempts],
        *,
        cancels: bool,
        farewell_s: float = FAREWELL_S,
    ) -> None:
        """Follow `reading` over what `line` returns.

        Args:
            reading: where to begin.
            line: gives a line to the server.
            attempts: counts failures in a row, from zero.
            cancels: whether leaving early cancels.
            farewell_s: the time-out of that cancel.
        """
        super().__init__(reading, attempts)
        self._new_line = line
        self._line = line()
        self._cancels = cancels
        self._farewell_s = farewell_s
        self._flow: StreamFlow | None = None
        self._first: Event | None = None

    def __enter__(self) -> Self:
        """Begin the session, so that its `id` is known. A session that exists is read from the first `next` on."""
        if not self.id:
            try:
                self._first = next(self)
            except BaseException:
                # An interrupt too: nobody would leave what was never entered, and the session would run on unread.
                self._line.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, and cancel what is left."""
        self._line.close()
        self._leave()

    def __iter__(self) -> Self:
        """Iterate over the events that are left."""
        return self

    def __next__(self) -> Event:
        """Return the next event."""
        if self._first is not None:
            event, self._first = self._first, None
            return event
        flow = self._flow or self._follow()
        # Kept only if nothing interrupts it: else a new one goes on from where the reading stands.
        self._flow = None
        outcome = None
        while isinstance(step := advance(flow, outcome), STEPS):
            outcome = self._line.perform(step)
        self._flow = flow
        return step

    def until_done(self) -> ReasonDocument:
        """Read to the session's end and return its document.

        Raises:
            ReasonFailedError, ReasonCancelledError: if it ended without its final answer.
        """
        for _ in self:
            pass
        return completed(self.snapshot.as_document())

    def _result(self) -> ReasonDocument:
        """Return what `reason` does: the document of the ended session, or of the one that began in the background."""
        return self.until_done() if self._cancels else self.snapshot.as_document()

    def _leave(self) -> None:
        """Cancel what goes on, without insisting: if this fails the server does it, once the stream's grace is over."""
        if not self._cancels or not self._reading.goes_on:
            return
        with suppress(AnytimeError):
            farewell = fetch_document(_calls.cancel(self.id, self._farewell_s), Attempts(0))
            self._reading.end(self._new_line().run(farewell))

    def answer_now(self) -> ReasonDocument:
        """Have the thinking closed at the next token, and return the session as it stands. The stream goes on."""
        return self._run(_calls.answer_now(self.id))

    def extend(
        self, budget: int | str | None = None, *, to: int | None = None, by: int | None = None
    ) -> ReasonDocument:
        """Raise the budget, and return the session as it stands.

        The events that follow come in this same stream, also after its end: iterate on.

        Args:
            budget: as the server takes it: `500` is `to=500`, and `"+500"` is `by=500`.
            to: thinking tokens in all, however often it is asked for.
            by: thinking tokens more than were granted, or than an ended session has spent.

        Raises:
            ConflictError: if the budget would shrink, or the context is full.
        """
        document = self._run(_calls.extend(self.id, _calls.raised(budget, to, by)))
        self._reading.expect(document)
        return document

    def cancel(self) -> ReasonDocument:
        """Cancel the session and return its document. An ended session stays as it is."""
        return self._run(_calls.cancel(self.id))

    def _run(self, call: _calls.Call) -> ReasonDocument:
        return self._new_line().run(fetch_document(call, self._new_attempts()))
