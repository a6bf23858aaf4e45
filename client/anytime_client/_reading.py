"""How far the reader of a session's stream has come, and what it knows by then."""

import json
import logging
import re

from pydantic import ValidationError

from anytime_client import _calls
from anytime_client._calls import Call
from anytime_client._errors import AnytimeError, APIConnectionError, APIResponseError, NotFoundError, SessionLostError
from anytime_client._fields import Question, ReasonFields
from anytime_client._snapshot import Snapshot, ended, reduce
from anytime_client._sse import Message
from anytime_client.protocol import EVENT_ADAPTER, Event, ReasonDocument

SURROGATE = re.compile(r"\\ud[89a-f]", re.IGNORECASE)

logger = logging.getLogger(__name__)


class Reading:
    """One reader's place in a stream. `snapshot` is replaced with every event, never changed.

    One thread or task takes events; `expect` may be called from others.
    """

    def __init__(self, snapshot: Snapshot, opening: Call | None = None) -> None:
        """Go on from `snapshot`; a session that does not exist yet begins with the `opening` call."""
        self.snapshot = snapshot
        self._opening = opening
        self._expected = 0

    @classmethod
    def of_new(cls, question: Question | None, fields: ReasonFields) -> "Reading":
        """Read a session that begins with this question."""
        return cls(Snapshot(), _calls.reason(question, fields))

    @classmethod
    def of_existing(cls, id: str, starting_after: int) -> "Reading":
        """Read a session behind one of its events."""
        known = _calls.as_json({"id": id, "starting_after": starting_after})
        return cls(Snapshot(id=known["id"], last_sequence_number=known["starting_after"]))

    @property
    def id(self) -> str:
        """The session's id; empty until its first event."""
        return self.snapshot.id

    @property
    def has_ended(self) -> bool:
        """Whether the last event taken was the session's end."""
        return self.snapshot.document is not None

    @property
    def goes_on(self) -> bool:
        """Whether there is more to read: the session runs, or has been extended beyond its end."""
        return not self.has_ended or self._expected > self.snapshot.last_sequence_number

    def expect(self, document: ReasonDocument) -> None:
        """Note how long the log is by now."""
        self._expected = max(self._expected, document.last_sequence_number)

    def end(self, document: ReasonDocument) -> None:
        """Take `document` for the session's end: the server has no event after the last one."""
        self.snapshot = ended(self.snapshot, document)

    def next_call(self) -> Call:
        """Return the call that opens the stream behind the last event taken.

        Until the id is known that is the opening call again, whose `Idempotency-Key` finds the session it began.
        """
        if not self.id and self._opening is not None:
            return self._opening
        return _calls.events(self.id, self.snapshot.last_sequence_number)

    def take(self, message: Message) -> Event | None:
        """Return the event in `message`, or None if it was taken before or is of a type that only newer clients know.

        Raises:
            APIConnectionError: if an event before it is missing.
            APIResponseError: if it can't be read.
        """
        event = _parse(message)
        number = event.sequence_number if event else _number(message)
        last = self.snapshot.last_sequence_number
        if number <= last:
            return None
        if number > last + 1:
            raise APIConnectionError(f"event {number} came after event {last}")
        self.snapshot = reduce(self.snapshot, event) if event else self.snapshot.skip(number)
        return event

    def explain(self, error: AnytimeError) -> AnytimeError:
        """Return the error that ends this reading: `error` with what is known of the session."""
        if self.snapshot.last_sequence_number and isinstance(error, NotFoundError):
            message = f"the server no longer knows session {self.id}, perhaps after a restart: {error.message}"
            error = SessionLostError(message, request_id=error.request_id)
        if self.id and error.document is None:
            error.document = self.snapshot.as_document()
        return error


def _parse(message: Message) -> Event | None:
    try:
        return EVENT_ADAPTER.validate_json(_whole_characters(message.data))
    except ValidationError as error:
        if error.errors()[0]["type"] != "union_tag_invalid":
            raise APIResponseError(f"this client can't read the event {message.data[:200]!r}") from error
        logger.debug("skipped an event of unknown type %r; a newer client may know it", message.event)
        return None


def _whole_characters(data: str) -> str:
    r"""Return JSON without halves of characters (`\ud83d` alone), which no parser of pydantic's takes."""
    if not SURROGATE.search(data):
        return data
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except ValueError:
        return data
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(message: Message) -> int:
    if not message.id.isdecimal():
        raise APIResponseError(f"the event {message.data[:200]!r} has no number")
    return int(message.id)
