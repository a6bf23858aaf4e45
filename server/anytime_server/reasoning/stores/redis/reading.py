"""Sessions as Redis has them."""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from anytime_server.reasoning.reading.events import TERMINAL_EVENTS, LogEntry
from anytime_server.reasoning.reading.handle import Standing
from anytime_server.reasoning.stores.contract import StoredSession
from anytime_server.reasoning.stores.redis.keys import Keys

PAGE = 500
"""Entries at a time."""

TERMINAL_TYPES = frozenset(event.model_fields["type"].default for event in TERMINAL_EVENTS.values())


def entry_of(id: bytes, values: dict[bytes, bytes]) -> LogEntry:
    """Read an entry of a log's stream."""
    number = int(id.partition(b"-")[0])
    return LogEntry(number, values[b"y"].decode(), values[b"e"].decode(), values[b"t"].decode())


async def entries_after(
    client: Redis, keys: Keys, session_id: str, after: int, last: int | None = None
) -> AsyncIterator[LogEntry]:
    """Yield what a log has above number `after`, up to `last`, a page at a time.

    Raises:
        RedisError: if Redis fails.
    """
    end = "+" if last is None else f"{last}-0"
    while last is None or after < last:
        page: Any = await client.xrange(keys.entries(session_id), f"{after + 1}-0", end, count=PAGE)
        for id, values in page:
            entry = entry_of(id, values)
            after = entry.sequence_number
            yield entry
        if len(page) < PAGE:
            return


async def standing_of(client: Redis, keys: Keys, session_id: str) -> Standing | None:
    """Return how far a session's log goes, None if there is none.

    Raises:
        RedisError: if Redis fails.
    """
    answer: Any = await client.hmget(keys.session(session_id), ["len", "ended"])
    length, ended = answer
    return None if length is None else Standing(int(length), ended == b"1")


async def owner_of(client: Redis, keys: Keys, session_id: str) -> str | None:
    """Return the replica that runs a session, None if it has ended or is not known.

    Raises:
        RedisError: if Redis fails.
    """
    answer: Any = await client.hmget(keys.session(session_id), ["owner", "ended"])
    owner, ended = answer
    return None if owner is None or ended == b"1" else str(owner.decode())


async def stored_session(client: Redis, keys: Keys, session_id: str) -> StoredSession | None:
    """Return a session with its whole log, None if there is none.

    Raises:
        RedisError: if Redis fails.
    """
    answer: Any = await client.hmget(keys.session(session_id), ["head", "key"])
    head, key = answer
    if head is None:
        return None
    entries = tuple([entry async for entry in entries_after(client, keys, session_id, 0)])
    return StoredSession(session_id, head.decode(), entries, key.decode() or None)


async def last_entry(client: Redis, keys: Keys, session_id: str) -> LogEntry | None:
    """Return the last entry of a log, None if there is no log.

    Raises:
        RedisError: if Redis fails.
    """
    newest: Any = await client.xrevrange(keys.entries(session_id), count=1)
    return entry_of(*newest[0]) if newest else None
