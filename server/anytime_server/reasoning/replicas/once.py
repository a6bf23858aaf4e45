"""Sessions that are begun once, however often they are asked for: by their idempotency keys, at any replica."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from anytime_server.errors import AnytimeError, Conflict, Unavailable
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.replicas.thinking_on import ANOTHER_S, LOOK_S, RETRY_AFTER_S
from anytime_server.reasoning.sessions.archive import Archive
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.sessions.sessions import new_id
from anytime_server.reasoning.stores import Reservation, Store

NOT_STORED = "the store of sessions can't be reached, so a background session might be lost; try again, or stream it"


class Once:
    """Begins sessions, unless the same request has begun one under the same key: here, or at another replica."""

    def __init__(
        self,
        archive: Archive,
        store: Store,
        admit: Callable[[Plan, str | None, str], Session],
        here: Callable[[Session], Handle],
    ) -> None:
        """Look in `archive` and `store`; begin by `admit`, with a key and the session's id. `here` makes handles."""
        self._archive = archive
        self._store = store
        self._admit = admit
        self._here = here

    async def begun_with(self, key: str, digest: bytes) -> Handle | None:
        """Return the session that the request of this digest has begun under a key, if it is still known.

        Raises:
            Conflict: if the key came with another request.
            Unavailable: as `begin` does.
        """
        if (session := self._archive.begun_with(key)) is not None:
            return await self._kept(same(session, digest))
        reservation = await self._store.reserved(key)
        return None if reservation is None else await self._reserved(reservation, digest)

    async def begin(self, plan: Plan, key: str | None) -> Handle:
        """See `Reasoner.begin`."""
        session_id = new_id()
        if key is not None and (begun := await self._begun_by_another(key, plan.digest, session_id)) is not None:
            return begun
        try:
            session = self._admit(plan, key, session_id)
        except AnytimeError:
            if key is not None:
                # Of a store that can't be reached now, the key expires.
                with suppress(Unavailable):
                    await self._store.unreserve(key, session_id)
            raise
        return await self._kept(session)

    async def _kept(self, session: Session) -> Handle:
        """Return a session that has begun, once whoever has its id may ask any replica for it.

        Raises:
            Unavailable: if it must outlive this server and the store may not have it. One with an idempotency key goes
                on, for whoever asks again to find; without a key nobody could.
        """
        await session.log.settle()
        try:
            check_stored(session.plan, self._store)
        except Unavailable:
            if session.idempotency_key is None:
                session.cancel()
            raise
        return self._here(session)

    async def _begun_by_another(self, key: str, digest: bytes, session_id: str) -> Handle | None:
        """Reserve a key for a session; else return the one that another request with this key begins just now.

        The key is to be had when the replica dies that has reserved it.

        Raises:
            Unavailable: if that session is not there after a while.
        """
        until = time.monotonic() + ANOTHER_S
        while (reservation := await self._store.reserve(key, digest, session_id)).session_id != session_id:
            if (begun := await self._reserved(reservation, digest)) is not None:
                return begun
            if time.monotonic() > until:
                raise Unavailable("a request with this Idempotency-Key is being begun", retry_after=RETRY_AFTER_S)
            await asyncio.sleep(LOOK_S)
        return None

    async def _reserved(self, reservation: Reservation, digest: bytes) -> Handle | None:
        _check_digest(reservation.digest, digest)
        return await self._store.find(reservation.session_id)


def check_stored(plan: Plan, store: Store) -> None:
    """Check that the store can have a session that must outlive this server.

    Raises:
        Unavailable: if it can't be reached now.
    """
    if plan.request.background and not store.available:
        raise Unavailable(NOT_STORED, param="background", retry_after=RETRY_AFTER_S)


def same(session: Session, digest: bytes) -> Session:
    """Return `session` if the request of this digest has begun it.

    Raises:
        Conflict: if another one has.
    """
    _check_digest(session.plan.digest, digest)
    return session


def _check_digest(begun: bytes, asked: bytes) -> None:
    if begun != asked:
        raise Conflict("this Idempotency-Key was used for another request", param="Idempotency-Key")
