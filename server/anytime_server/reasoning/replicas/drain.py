"""How the sessions of a server that goes down end here: handed over where a store shares them, else finished."""

import asyncio
import math
import time

from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.sessions.sessions import Sessions
from anytime_server.reasoning.stores import Store

LOOK_S = 0.1
"""How often it is looked whether readers have left."""


class Drain:
    """Ends the sessions of this process once; `task` is done when all have, and what they share is closed."""

    def __init__(self, sessions: Sessions, store: Store, timeout_s: float) -> None:
        """Begin; sessions, or the readers of those that are handed over, get `timeout_s` seconds."""
        self._sessions = sessions
        self._store = store
        self._timeout_s = timeout_s
        self._last_unread_end: float | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def unread_for_s(self) -> float:
        """Seconds since a session ended while nobody read it, though somebody may come; else infinite."""
        return math.inf if self._last_unread_end is None else time.monotonic() - self._last_unread_end

    async def _run(self) -> None:
        if self._store.keeps_steps:
            await self._hand_over()
        else:
            await self._finish()
        await self._sessions.close()

    async def _finish(self) -> None:
        waits = [asyncio.ensure_future(self._see_end(session)) for session in self._sessions.archive.running]
        if not waits:
            return
        await asyncio.wait(waits, timeout=self._timeout_s)
        for session in self._sessions.archive.running:
            session.cancel()
        await asyncio.wait(waits)

    async def _see_end(self, session: Session) -> None:
        await session.wait()
        if not (session.audience.readers or session.abandoned):
            self._last_unread_end = time.monotonic()

    async def _hand_over(self) -> None:
        """Let other replicas go on with the sessions; readers here read on."""
        sessions = self._sessions.archive.running
        for session in sessions:
            await session.stop()
        await self._store.release([session.id for session in sessions])
        for session in sessions:
            self._sessions.drop(session)
        until = time.monotonic() + self._timeout_s
        while any(session.audience.readers for session in sessions) and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
