"""The event log of one session: what happened, numbered from 1, to be read live or again from any event."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from anytime_client.protocol import Event, ReasonCancelled, ReasonCompleted, ReasonFailed, Status, TerminalEvent

TERMINAL_EVENTS: dict[Status, type[TerminalEvent]] = {
    "completed": ReasonCompleted,
    "cancelled": ReasonCancelled,
    "failed": ReasonFailed,
}
"""The event that ends a run, by the status it leaves the session in."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event, serialised once."""

    sequence_number: int
    type: str
    data: str


class EventLog:
    """Appended to by one session, read by any number of readers, on one event loop.

    A run of the session appends events and closes the log with its terminal event; an extension of an ended session
    reopens it for the next run. So in every closed log each run has exactly one terminal event, its last.
    """

    def __init__(self) -> None:
        """Start empty and open."""
        self._entries: list[LogEntry] = []
        self._grown = asyncio.Event()
        self.closed = False
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, event: type[Event], *, last: bool = False, **fields: Any) -> None:
        """Number, serialise and store an event; `last` closes the log behind it."""
        if self.closed:
            raise RuntimeError(f"the event log is closed: {event.__name__} came after the terminal event")
        made = event(sequence_number=len(self._entries) + 1, **fields)
        entry = LogEntry(made.sequence_number, made.type, made.model_dump_json())
        self._entries.append(entry)
        self.size_bytes += getsizeof(entry.data)
        self.closed = last
        self._grown.set()
        self._grown = asyncio.Event()

    def reopen(self) -> None:
        """Let a next run append."""
        self.closed = False

    async def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """Yield the events with a number above `after`, waiting for new ones until the log is closed."""
        position = after
        while True:
            while position < len(self._entries):
                yield self._entries[position]
                position += 1
            if self.closed:
                return
            await self._grown.wait()
