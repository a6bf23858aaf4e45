"""Where sessions are kept: in this process, or where any replica finds them. Import a store only when it is chosen."""

from anytime_server.reasoning.stores.contract import Command, Host, Reservation, Store, StoredSession
from anytime_server.reasoning.stores.memory import MemoryStore

__all__ = ["Command", "Host", "MemoryStore", "Reservation", "Store", "StoredSession"]
