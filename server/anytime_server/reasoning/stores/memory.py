"""The store of a process that shares its sessions with no other: they live and end with it."""

from collections.abc import Collection

from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.stores.contract import Host, Reservation, Store, StoredSession


class MemoryStore(Store):
    """Releases everything at once, and knows no session but those that run here."""

    async def reach(self) -> None:
        """See `Store.reach`: it is."""

    async def start(self, host: Host, fingerprint: str) -> None:
        """See `Store.start`."""

    async def stop(self) -> None:
        """See `Store.stop`."""

    def begin(self, session_id: str, head: str, log: EventLog, key: str | None) -> None:
        """See `Store.begin`."""

    def own(self, session_id: str, log: EventLog) -> None:
        """See `Store.own`."""

    def grown(self, session_id: str) -> None:
        """See `Store.grown`."""

    async def release(self, session_ids: Collection[str]) -> None:
        """See `Store.release`: there is nobody to hand over to."""

    async def reserve(self, key: str, digest: bytes, session_id: str) -> Reservation:
        """See `Store.reserve`: within one process the archive knows the keys."""
        return Reservation(session_id, digest)

    async def reserved(self, key: str) -> Reservation | None:
        """See `Store.reserved`."""
        return None

    async def unreserve(self, key: str, session_id: str) -> None:
        """See `Store.unreserve`."""

    async def find(self, session_id: str) -> Handle | None:
        """See `Store.find`."""
        return None

    async def claim(self, session_id: str) -> StoredSession | None:
        """See `Store.claim`."""
        return None

    async def is_read_elsewhere(self, session_id: str) -> bool:
        """See `Store.is_read_elsewhere`."""
        return False
