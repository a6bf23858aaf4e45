"""A session's event log as server-sent events."""

from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from anytime_server.reasoning import Session

HEARTBEAT_S = 15
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class SessionStream(EventSourceResponse):
    """Streams the events after `after` until the log ends, as a reader of the session."""

    def __init__(self, session: Session, after: int = 0) -> None:
        """Stream `session`."""
        super().__init__(_events(session, after), headers=HEADERS, ping=HEARTBEAT_S, sep="\n")
        self._audience = session.audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        with self._audience.reading():
            await super().__call__(scope, receive, send)


async def _events(session: Session, after: int) -> AsyncIterator[bytes]:
    async for entry in session.log.read(after):
        # The data is JSON, so it has no line break to escape.
        yield f"id: {entry.sequence_number}\nevent: {entry.type}\ndata: {entry.data}\n\n".encode()
