"""The names of what the store keeps in Redis."""

import hashlib
from dataclasses import dataclass

RELEASED = "released"
"""The owner of sessions that their replica has handed over: it never has a lease."""


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys under one prefix: sessions of another fingerprint are out of sight.

    The scripts make some of these names by themselves, from the prefix.
    """

    fingerprint: str

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        return f"anytime:{self.fingerprint}:"

    def entries(self, session_id: str) -> str:
        """A stream: the log. An entry's id is `<sequence number>-0`; it has a type `y`, an event `e`, steps `t`."""
        return f"{self.prefix}e:{session_id}"

    def session(self, session_id: str) -> str:
        """A hash: head, key, owner, fence, len, ended, held."""
        return f"{self.prefix}s:{session_id}"

    def reservation(self, key: str) -> str:
        """A string: the session under an idempotency key, the digest of its request, the replica that begins it."""
        # Clients choose keys, of any length.
        return f"{self.prefix}k:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"

    def lease(self, replica: str) -> str:
        """A string that is there while the replica is alive."""
        return f"{self.prefix}replica:{replica}"

    def owned(self, replica: str) -> str:
        """A set: the sessions that a replica runs."""
        return f"{self.prefix}owned:{replica}"

    @property
    def replicas(self) -> str:
        """A set: all replicas that may own sessions."""
        return f"{self.prefix}replicas"

    def post(self, replica: str) -> str:
        """A stream: what a replica is told by others: commands, and replies to its own."""
        return f"{self.prefix}c:{replica}"

    def readers(self, session_id: str) -> str:
        """A string that is there while a replica reads the session for its clients."""
        return f"{self.prefix}readers:{session_id}"
