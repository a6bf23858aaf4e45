"""The scripts as methods: what goes into them, and what comes out, with types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from redis.asyncio import Redis

from anytime_server.reasoning.reading.events import LogEntry
from anytime_server.reasoning.stores.contract import Reservation
from anytime_server.reasoning.stores.redis import lua
from anytime_server.reasoning.stores.redis.keys import RELEASED, Keys
from anytime_server.reasoning.stores.redis.settings import RedisSettings, milliseconds

FENCED = -1
"""In place of a log's length: another replica has claimed the session."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be appended to the log of one session.

    Attributes:
        id: of the session.
        fence: that its writer has.
        first: the number of the first entry, or of the next one to come if there is none.
        entries: in order, without a gap.
        ended: whether the log ends behind them.
        keep_s: seconds from now on that the session is kept; 0 leaves it as it is.
        head: what creates the session, with its first entry.
        key: the idempotency key that it was begun under.
    """

    id: str
    fence: int
    first: int
    entries: Sequence[LogEntry]
    ended: bool
    keep_s: int
    head: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Orphan:
    """A session that nobody runs, and who did."""

    id: str
    owner: str


class Scripts:
    """What must not be divided. Every method raises RedisError if Redis fails; all may be repeated."""

    def __init__(self, client: Redis, keys: Keys, replica: str, settings: RedisSettings) -> None:
        """Run scripts for `replica`."""
        self._keys, self._replica, self._settings = keys, replica, settings
        self._append = client.register_script(lua.APPEND)
        self._claim = client.register_script(lua.CLAIM)
        self._claim_ended = client.register_script(lua.CLAIM_ENDED)
        self._release = client.register_script(lua.RELEASE)
        self._orphans = client.register_script(lua.ORPHANS)
        self._reserve = client.register_script(lua.RESERVE)
        self._unreserve = client.register_script(lua.UNRESERVE)
        self._owned = keys.owned(replica)

    async def append(self, pieces: Iterable[Piece]) -> list[int]:
        """Append to many logs; return how long each is then, or FENCED."""
        batch = to_json([self._told(piece) for piece in pieces])
        answers: list[int] = await self._append([self._owned], [self._keys.prefix, self._replica, batch])
        return answers

    def _told(self, piece: Piece) -> list[Any]:
        """Return a piece as the script takes it."""
        reservation = self._keys.reservation(piece.key) if piece.key is not None and piece.keep_s else ""
        head, key = (piece.head, piece.key or "") if piece.first == 1 else ("", "")
        entries = [part for entry in piece.entries for part in (entry.type, entry.data, entry.steps)]
        return [piece.id, piece.fence, piece.first, piece.ended, piece.keep_s, reservation, head, key, entries]

    async def claim(self, orphan: Orphan) -> int | None:
        """Claim a running session whose owner is gone; return the new fence, None if it can't be had."""
        keys = self._keys
        names = [keys.session(orphan.id), keys.lease(orphan.owner), keys.owned(orphan.owner), self._owned]
        return await self._claim(names, [orphan.id, orphan.owner, self._replica]) or None

    async def claim_ended(self, session_id: str) -> int | None:
        """Claim an ended session; return the new fence, None if it can't be had."""
        hold_ms = milliseconds(self._settings.hold_s)
        return await self._claim_ended([self._keys.session(session_id)], [self._replica, hold_ms]) or None

    async def release(self, fences: Iterable[tuple[str, int]]) -> int:
        """Hand over sessions, by id and fence; return how many were running and ours."""
        arguments: list[str | int] = [self._keys.prefix, self._replica, RELEASED]
        for pair in fences:
            arguments += pair
        released: int = await self._release([self._owned, self._keys.owned(RELEASED)], arguments)
        return released

    async def orphans(self, most: int, *, of_the_dead: bool) -> tuple[int, list[Orphan]]:
        """Return how many replicas are alive, and sessions that nobody runs: released ones, and those `of_the_dead`."""
        names = [self._keys.replicas, self._keys.owned(RELEASED)]
        alive, *found = await self._orphans(names, [self._keys.prefix, RELEASED, most, int(of_the_dead)])
        return alive, [Orphan(id.decode(), owner.decode()) for owner, id in zip(found[::2], found[1::2], strict=True)]

    async def reserve(self, key: str, wanted: Reservation) -> Reservation:
        """Bind an idempotency key for this replica, or return what it is bound to."""
        value = f"{wanted.session_id} {wanted.digest.hex()} {self._replica}"
        lease_s, reserve_s = self._settings.lease_s, self._settings.reserve_s
        reserve_ms, lease_ms = milliseconds(max(reserve_s, lease_s)), milliseconds(lease_s)
        arguments: list[str | int] = [value, reserve_ms, lease_ms, self._keys.prefix]
        return reservation_of(await self._reserve([self._keys.reservation(key)], arguments))

    async def unreserve(self, key: str, session_id: str) -> None:
        """Let go of an idempotency key, if it is bound to this session."""
        await self._unreserve([self._keys.reservation(key)], [f"{session_id} "])


def reservation_of(value: bytes) -> Reservation:
    """Read a reservation as Redis has it."""
    session_id, digest, _ = value.decode().split(" ")
    return Reservation(session_id, bytes.fromhex(digest))
