"""A session's event log as server-sent events."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack

from sse_starlette import EventSourceResponse
from starlette.types import Message, Receive, Scope, Send

from anytime_server.reasoning import Handle

HEARTBEAT_S = 15
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

FILLER = "filler"
"""In a request's state: what may be sent between any two pieces of its response, and means nothing to the reader."""

COMMENT = b":\n\n"

LINE_BREAKS = str.maketrans({character: f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"})
"""Characters that JSON lets stand as they are, and that many readers of lines take for the end of one."""


EVENTS, JSON = "text/event-stream", ("application/json", "application/*", "*/*")
WEIGHT = re.compile(r";\s*q\s*=\s*(0(?:\.\d*)?|1(?:\.0*)?)\s*(?:;|$)", re.IGNORECASE)


def wants_events(accept: str) -> bool:
    """Return whether an `Accept` header names server-sent events, and prefers nothing that JSON would be."""
    weights = {}
    for option in accept.lower().split(","):
        weight = WEIGHT.search(option)
        weights[option.partition(";")[0].strip()] = float(weight[1]) if weight else 1.0
    json_weight = next((weights[name] for name in JSON if name in weights), 0.0)
    return weights.get(EVENTS, 0.0) > 0 and weights[EVENTS] >= json_weight


def on_one_line(json_text: str) -> str:
    """Return the same JSON without a character that could be taken for a line break."""
    return json_text if json_text.isascii() else json_text.translate(LINE_BREAKS)


def compact_json(value: object) -> str:
    """Return `value` as JSON on one line."""
    return on_one_line(_encode(value))


# `json.dumps` makes an encoder each time that it is told separators.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ReadStream(EventSourceResponse):
    """Streams server-sent events as a reader of the sessions that they tell of."""

    def __init__(
        self, sessions: Sequence[Handle], events: AsyncIterator[bytes], headers: Mapping[str, str] | None = None
    ) -> None:
        """Send `events`, with more `headers` than a stream has anyway."""
        super().__init__(events, headers={**HEADERS, **(headers or {})}, ping=HEARTBEAT_S, sep="\n")
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        scope.setdefault("state", {})[FILLER] = COMMENT
        with ExitStack() as reading:
            for session in self._sessions:
                reading.enter_context(session.reading())
            await super().__call__(scope, receive, send)

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        """Send without the cancel scope of a time limit: a scope per event is dear, and the connection has a clock."""
        await send(message)


class SessionStream(ReadStream):
    """Streams a session's events after number `after` until it has ended."""

    def __init__(self, session: Handle, after: int = 0) -> None:
        """Stream `session`."""
        super().__init__([session], _events(session, after))


async def _events(session: Handle, after: int) -> AsyncIterator[bytes]:
    async for entry in session.read(after):
        yield f"id: {entry.sequence_number}\nevent: {entry.type}\ndata: {on_one_line(entry.data)}\n\n".encode()
