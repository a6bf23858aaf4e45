"""Extending a session wherever it is: a running one where it runs, an ended one where it is asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import Conflict, Unavailable
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.sessions.extension import Extension
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.sessions.sessions import Sessions
from anytime_server.reasoning.stores import Store

RETRY_AFTER_S = 1

ANOTHER_S = 3.0
"""How long another replica may take to begin, or to think on with, what it has reserved or claimed."""

LOOK_S = 0.1
"""How often it is looked for what others are about to do."""

MOVING = "the session is being handed over to another replica"


class ThinkingOn:
    """Called as a function, it extends a session."""

    def __init__(
        self,
        sessions: Sessions,
        store: Store,
        find: Callable[[str], Awaitable[Handle]],
        check_room: Callable[[int, str], None],
    ) -> None:
        """Extend `sessions` that are here; `find` finds others.

        `check_room` raises if there are not so many slots for a client.
        """
        self._sessions = sessions
        self._store = store
        self._find = find
        self._check_room = check_room
        # Who claims a session waits for the store, and must not meet another who does: it would run twice.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, session_id: str, budget: int, relative: bool, key: str | None) -> ReasonDocument:
        """Extend a session; return it as it stands then.

        Raises:
            NotFound, Conflict, Overloaded, Unavailable: as `Reasoner.extend` does.
        """
        until = time.monotonic() + ANOTHER_S
        while True:
            async with self._turns.setdefault(session_id, asyncio.Lock()):
                if self._is_here(session_id):
                    return await self._settled(session_id, budget, relative, key)
                handle = await self._find(session_id)
                ended = (await handle.standing()).ended
                if ended and await self._claim(session_id):
                    return await self._with_claimed(session_id, budget, relative, key)
            if not ended:
                return await handle.extend(budget, relative=relative, key=key)
            if time.monotonic() > until:
                raise Unavailable("another replica thinks on with it just now; ask again", retry_after=RETRY_AFTER_S)
            await asyncio.sleep(LOOK_S)

    def here(self, session_id: str, budget: int, relative: bool, key: str | None) -> Session:
        """Extend a session of this process; an ended one thinks on.

        Raises:
            NotFound, Conflict, Overloaded, Unavailable: as `Reasoner.extend` does.
        """
        session = self._sessions.archive.get(session_id)
        asked = None if key is None else Extension(key, budget, relative)
        if asked is not None and asked.key in session.extensions:
            if session.extensions[asked.key] != asked:
                raise Conflict("this Idempotency-Key was used for another extension", param="Idempotency-Key")
            return session
        wanted = session.raised_by(budget) if relative else budget
        if session.would_raise(wanted, more=relative):
            if session.has_ended:
                self._check_room(1, session.plan.client)
            session.raise_budget(wanted, more=relative, asked=asked)
            if session.is_idle:
                self._sessions.start(session)
        return session

    def may_have_moved(self, session: Session) -> bool:
        """Whether another replica may have thought on since the session ended here."""
        return self._store.keeps_steps and self._store.available and session.log.ended

    def _is_here(self, session_id: str) -> bool:
        session = self._sessions.archive.find(session_id)
        return session is not None and not self.may_have_moved(session)

    async def _claim(self, session_id: str) -> bool:
        """Make an ended session this process' own; return whether it is.

        Raises:
            Overloaded, Unavailable: if there is no slot for it.
        """
        self._check_room(1, "")
        if (stored := await self._store.claim(session_id)) is None:
            return False
        self._sessions.keep(stored)
        return True

    async def _with_claimed(self, session_id: str, budget: int, relative: bool, key: str | None) -> ReasonDocument:
        try:
            return await self._settled(session_id, budget, relative, key)
        finally:
            session = self._sessions.archive.find(session_id)
            if session is not None and session.has_ended:
                await self._store.release([session_id])

    async def _settled(self, session_id: str, budget: int, relative: bool, key: str | None) -> ReasonDocument:
        """Extend a session of this process; return it once others would think on with it, too."""
        session = self.here(session_id, budget, relative, key)
        await session.log.settle()
        if session.log.moved:
            raise Unavailable(MOVING, retry_after=RETRY_AFTER_S)
        return session.document()
