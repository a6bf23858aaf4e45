"""The event log of one session: what happened, numbered from 1, to be read live or again from any event."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
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
    steps: str = ""
    """What the session did since the entry before, as JSON: what a restore goes by. Empty where nothing is stored."""


class EventLog:
    """Appended to by one session, read by any number of readers, on one event loop.

    A run of the session appends events and closes the log with its terminal event; an extension of an ended session
    reopens it for the next run. So in every closed log each run has exactly one terminal event, its last.

    Readers see what is released. Where a store keeps the log, that is what the store has acknowledged.
    """

    def __init__(self, entries: Sequence[LogEntry] = (), grown: Callable[[], None] | None = None) -> None:
        """Start open, with `entries` that were released before.

        Args:
            entries: what was appended before, gapless from 1.
            grown: called after each new entry, to see to its release; None releases at once.
        """
        self._entries = list(entries)
        self._told_grown = grown
        self._news = asyncio.Event()
        self.released = len(self._entries)
        self.closed = False
        self.moved = False
        self.size_bytes = sum(map(_size, self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_stored(self) -> bool:
        """Whether a store keeps the log, and others may restore its session from there."""
        return self._told_grown is not None

    @property
    def ended(self) -> bool:
        """Whether readers see the end."""
        return self.closed and self.released == len(self._entries)

    def entries(self, after: int = 0) -> list[LogEntry]:
        """Return the entries with a number above `after`, released or not."""
        return self._entries[after:]

    def append(self, event: type[Event], *, last: bool = False, steps: str = "", **fields: Any) -> None:
        """Number, serialise and store an event; `last` closes the log behind it. A moved log takes nothing in."""
        if self.closed:
            raise RuntimeError(f"the event log is closed: {event.__name__} came after the terminal event")
        if self.moved:
            return
        made = event(sequence_number=len(self._entries) + 1, **fields)
        entry = LogEntry(made.sequence_number, made.type, made.model_dump_json(), steps)
        self._entries.append(entry)
        self.size_bytes += _size(entry)
        self.closed = last
        if self._told_grown is None:
            self.release(len(self._entries))
        else:
            self._told_grown()

    def release(self, last: int) -> None:
        """Let readers see the entries up to number `last`."""
        if last > self.released:
            self.released = last
            self._wake()

    def reopen(self) -> None:
        """Let a next run append."""
        self.closed = False

    def move(self) -> None:
        """End here without an end: the session goes on elsewhere, from what was released."""
        self.moved = True
        self._wake()

    async def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """Yield the events with a number above `after`, waiting for new ones until the log is closed or has moved."""
        position = after
        while True:
            while position < self.released:
                yield self._entries[position]
                position += 1
            if self.ended or self.moved:
                return
            await self._news.wait()

    async def settle(self) -> None:
        """Wait until readers see all that is in it now, or until it moves: then they may see something else."""
        async for _ in self.read(after=len(self._entries) - 1):
            return

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _size(entry: LogEntry) -> int:
    return getsizeof(entry.data) + (getsizeof(entry.steps) if entry.steps else 0)
