"""What a log tells of its session, to anybody who has nothing but the log."""

from collections.abc import Iterable, Iterator
from functools import reduce as fold

from anytime_client._snapshot import Snapshot, reduce
from anytime_client.protocol import EVENT_ADAPTER, ReasonDocument
from anytime_server.reasoning.reading.events import LogEntry


def document_of(entries: Iterable[LogEntry]) -> ReasonDocument:
    """Return the session as its events tell it: without usage and times while it runs."""
    return fold(reduce, (EVENT_ADAPTER.validate_json(entry.data) for entry in entries), Snapshot()).as_document()


def readable(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """Yield the entries before the first one that holds no event that we know."""
    for entry in entries:
        try:
            EVENT_ADAPTER.validate_json(entry.data)
        except ValueError:
            return
        yield entry
