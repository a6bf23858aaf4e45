"""The contract of a store: it keeps what sessions have told, and knows which process runs each of them.

A session's log is the whole of it. What a store has acknowledged is *released*: only then readers see it. So whoever
goes on with a session, goes on from at least what anybody has seen of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from anytime_client.protocol import ReasonDocument
from anytime_server.reasoning.reading.events import EventLog, LogEntry
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.stores.counts import Counts


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as a store has it.

    Attributes:
        id: of the session.
        head: what it was asked, made definite, as JSON.
        entries: its log.
        key: the idempotency key that it was begun under.
    """

    id: str
    head: str
    entries: tuple[LogEntry, ...]
    key: str | None = None


CommandName = Literal["document", "answer_now", "extend", "cancel"]


@dataclass(frozen=True, slots=True)
class Command:
    """What is asked of a running session that another replica runs."""

    name: CommandName
    budget: int = 0
    relative: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The session that was the first to come under an idempotency key, and what its request is told by."""

    session_id: str
    digest: bytes


class Host(Protocol):
    """What a store asks of the process that it is the store of. Called on the event loop."""

    def room(self) -> int:
        """Return how many sessions this process could take over now."""

    def adopt(self, stored: StoredSession) -> None:
        """Go on with a running session: this process has claimed it."""

    def lose(self, session_id: str) -> None:
        """Stop running a session, without an event: another replica has claimed it."""

    async def perform(self, session_id: str, command: Command) -> ReasonDocument:
        """Do what another replica was asked of a session that this process runs.

        Raises:
            AnytimeError: as the routes would tell it.
        """


class Store(ABC):
    """Keeps the sessions of one process or of many. All methods are called on one event loop."""

    keeps_steps: bool = False
    """Whether log entries must carry what a restore needs, since others may go on with a session."""

    @abstractmethod
    async def reach(self) -> None:
        """Check that the store is there, before anything heavy is loaded.

        Raises:
            Unavailable: if it can't be reached, or is not what the store needs.
        """

    @abstractmethod
    async def start(self, host: Host, fingerprint: str) -> None:
        """Begin to serve `host`; sessions of another `fingerprint` (model, format, lengths) are none of its business.

        Raises:
            Unavailable: if the store can't be reached.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Write what is left and go. Sessions that still run in this process are released. Safe to call twice."""

    @abstractmethod
    def begin(self, session_id: str, head: str, log: EventLog, key: str | None) -> None:
        """Keep a session that this process begins, under an idempotency key if it has one."""

    @abstractmethod
    def own(self, session_id: str, log: EventLog) -> None:
        """Keep the further log of a session that this process has claimed and restored."""

    @abstractmethod
    def grown(self, session_id: str) -> None:
        """Take in what the session's log has got since; release it once it is durable. Must not block."""

    @abstractmethod
    async def release(self, session_ids: Collection[str]) -> None:
        """Hand running sessions over: from now on any other replica may claim them; their logs end here.

        An ended session that was claimed, and was not thought on with, is let go.
        """

    @abstractmethod
    async def reserve(self, key: str, digest: bytes, session_id: str) -> Reservation:
        """Bind an idempotency key to a session that is to begin, or return what it is bound to already.

        A process that dies in between keeps the key no longer than its lease.

        Raises:
            Unavailable: if the store can't be reached.
        """

    @abstractmethod
    async def reserved(self, key: str) -> Reservation | None:
        """Return what an idempotency key is bound to."""

    @abstractmethod
    async def unreserve(self, key: str, session_id: str) -> None:
        """Let go of a key whose session could not begin, or was abandoned before anybody got anything from it."""

    @abstractmethod
    async def find(self, session_id: str) -> Handle | None:
        """Return a session that this process does not run, None if it is not known."""

    @abstractmethod
    async def claim(self, session_id: str) -> StoredSession | None:
        """Make an ended session this process' own, to think on; None if it runs, or if somebody else was faster."""

    @abstractmethod
    async def is_read_elsewhere(self, session_id: str) -> bool:
        """Whether another replica has a reader of the session."""

    @property
    def available(self) -> bool:
        """Whether what is appended becomes durable now; if not, nothing is promised that must outlive this process."""
        return True

    @property
    def counts(self) -> Counts:
        """What it has counted; one that shares its sessions with nobody has nothing to count."""
        return Counts()

    @property
    def backlog(self) -> int:
        """Entries that are not durable yet."""
        return 0
