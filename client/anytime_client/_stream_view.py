"""What a stream shows of its session: shared by the blocking and the asyncio one."""

from collections.abc import Callable

from anytime_client._errors import AnytimeError
from anytime_client._flows import StreamFlow, follow
from anytime_client._reading import Reading
from anytime_client._retries import Attempts
from anytime_client._snapshot import Snapshot
from anytime_client.protocol import Answer, Budget, CheckpointAnswer, ReasonDocument, display

FAREWELL_S = 5.0
"""Time-out of the cancel when a stream is left early. Nobody likes to wait for it, and the server cancels by itself."""
UNREAD_FAREWELL_S = 0.5
"""... where nobody looks at what comes of it: by then it has been sent, unless the server is far or gone."""


class StreamView:
    """The session as of the last event. Every value is immutable and can be kept; any thread may read it."""

    def __init__(self, reading: Reading, attempts: Callable[[], Attempts]) -> None:
        """Show what `reading` knows."""
        self._reading = reading
        self._new_attempts = attempts
        self._attempts = attempts()

    @property
    def failure(self) -> AnytimeError | None:
        """What the newest attempt to reach the server failed with; None once an event has come."""
        return self._attempts.failure

    @property
    def snapshot(self) -> Snapshot:
        """All of it, as of one moment."""
        return self._reading.snapshot

    @property
    def id(self) -> str:
        """The session's id."""
        return self._reading.id

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return self.snapshot.thinking

    @property
    def answer_text(self) -> str:
        """The final answer as far as it is generated; an extension starts it anew."""
        return self.snapshot.answer_text

    @property
    def best_answer(self) -> Answer | None:
        """The final answer, or the newest interim answer until there is one."""
        return self.snapshot.best_answer

    @property
    def checkpoints(self) -> tuple[CheckpointAnswer, ...]:
        """The interim answers so far."""
        return self.snapshot.checkpoints

    @property
    def budget(self) -> Budget | None:
        """Thinking tokens asked for, granted and spent so far."""
        return self.snapshot.budget

    @property
    def document(self) -> ReasonDocument | None:
        """The session's document once it has ended."""
        return self.snapshot.document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.snapshot.as_document()!r}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the session as of the last event."""
        return display.html(self.snapshot.as_document())

    def _follow(self) -> StreamFlow:
        """Return the flow of the events that are left."""
        self._attempts = self._new_attempts()
        return follow(self._reading, self._attempts)
