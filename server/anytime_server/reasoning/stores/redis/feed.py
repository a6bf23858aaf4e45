"""What comes in of a session that another replica runs, for all who read it in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from anytime_server.reasoning.reading.events import LogEntry
from anytime_server.reasoning.stores.redis.reading import TERMINAL_TYPES


class Feed:
    """The entries above number `first`, as they come."""

    def __init__(self, session_id: str, first: int) -> None:
        """Start empty, behind entry number `first`."""
        self.session_id = session_id
        self.first = first
        self.readers = 0
        self.closed = False
        self._entries: list[LogEntry] = []
        self._news = asyncio.Event()

    @property
    def position(self) -> int:
        """The number of the last entry that has come in."""
        return self.first + len(self._entries)

    @property
    def may_have_ended(self) -> bool:
        """Whether the last entry ends a run."""
        return bool(self._entries) and self._entries[-1].type in TERMINAL_TYPES

    def take(self, entries: Iterable[LogEntry]) -> None:
        """Take in the next entries; what was here already is passed over."""
        self._entries += (entry for entry in entries if entry.sequence_number > self.position)
        self._wake()

    def close(self) -> None:
        """Let readers go once they have all: nothing more comes."""
        self.closed = True
        self._wake()

    async def read(self, after: int) -> AsyncIterator[LogEntry]:
        """Yield the entries with a number above `after`, which is not below `first`, until the feed is closed."""
        position = after
        while True:
            while position < self.position:
                yield self._entries[position - self.first]
                position += 1
            if self.closed:
                return
            await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
