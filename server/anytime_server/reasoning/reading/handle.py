"""What a route asks of a session, wherever that runs: in this process, or in another replica."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from anytime_client.protocol import ReasonDocument
from anytime_server.reasoning.reading.events import LogEntry


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a session's log goes, as readers see it, and whether it ends there."""

    last: int
    ended: bool


class Handle(ABC):
    """A session, to be read and steered."""

    id: str

    @abstractmethod
    def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """Yield the events with a number above `after`, and new ones as they come, until the session has ended."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """Be a reader of the session within the block: it is not abandoned meanwhile."""

    @abstractmethod
    async def standing(self) -> Standing:
        """Return how far the log goes."""

    @abstractmethod
    async def document(self) -> ReasonDocument:
        """Return the session as it stands."""

    @abstractmethod
    async def answer_now(self) -> ReasonDocument:
        """Close the thinking at the next token; return the session as it stands."""

    @abstractmethod
    async def extend(self, budget: int, *, relative: bool, key: str | None) -> ReasonDocument:
        """Raise the budget as `Reasoner.extend` does; return the session with its new one.

        Raises:
            Conflict, Overloaded, Unavailable: as there.
        """

    @abstractmethod
    async def cancel(self) -> ReasonDocument:
        """Cancel the session; return it once it has ended."""
