"""What can be read of a session wherever it goes on: here, until it has moved to another process."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from anytime_client.protocol import ReasonDocument
from anytime_server.reasoning.reading.events import EventLog, LogEntry
from anytime_server.reasoning.reading.handle import Handle, Standing
from anytime_server.reasoning.stores import Store


class Followed(ABC):
    """A session as its readers see it."""

    def __init__(self, id: str, log: EventLog, store: Store) -> None:
        """Begin here; the store knows where the session goes."""
        self.id = id
        self.log = log
        self._store = store

    @abstractmethod
    def document(self) -> ReasonDocument:
        """Return the session as it stands here."""

    async def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """Yield the events after number `after`, to the end of the run; also where it has moved to."""
        async for entry in self.log.read(after):
            after = entry.sequence_number
            yield entry
        if (elsewhere := await self._elsewhere()) is not None:
            async for entry in elsewhere.read(after):
                yield entry

    async def wait(self) -> ReasonDocument:
        """Wait for the end of the present run; return the session as it stands then."""
        async for _ in self.read(after=len(self.log)):
            pass
        return await self.present()

    async def standing(self) -> Standing:
        """Return how far the log goes, wherever the session runs."""
        if (elsewhere := await self._elsewhere()) is not None:
            return await elsewhere.standing()
        return Standing(self.log.released, self.log.ended)

    async def present(self) -> ReasonDocument:
        """Return the session as it stands, wherever it runs."""
        if (elsewhere := await self._elsewhere()) is not None:
            return await elsewhere.document()
        return self.document()

    async def _elsewhere(self) -> Handle | None:
        """Return the session where it has moved to; None while it is here, or if nobody knows it any more."""
        return await self._store.find(self.id) if self.log.moved else None
