"""Sessions claimed by this replica: out of Redis, into the hands of its host."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from redis.asyncio import Redis

from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.stores.contract import StoredSession
from anytime_server.reasoning.stores.redis.journal import Journal, Ledger
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.reading import stored_session
from anytime_server.reasoning.stores.redis.scripts import Orphan, Scripts
from anytime_server.reasoning.stores.redis.settings import RedisSettings


class Claims:
    """Claims sessions, and knows their fences until the host has restored them."""

    def __init__(
        self, client: Redis, keys: Keys, replica: str, scripts: Scripts, journal: Journal, settings: RedisSettings
    ) -> None:
        """Claim for `replica`, whose `journal` then has the sessions' logs."""
        self.replica = replica
        self._client, self._keys, self._scripts = client, keys, scripts
        self._journal, self._settings = journal, settings
        self._claimed: dict[str, tuple[int, StoredSession]] = {}

    async def orphan(self, orphan: Orphan) -> StoredSession | None:
        """Claim a session that nobody runs, None if somebody was faster. May be repeated.

        Raises:
            RedisError: if Redis fails; it may have been claimed.
        """
        if self._journal.owns(orphan.id):
            return None
        return await self._claim(orphan.id, lambda: self._scripts.claim(orphan))

    async def ended(self, session_id: str) -> StoredSession | None:
        """Claim an ended session, None if it runs, or somebody was faster. May be repeated.

        Raises:
            RedisError: if Redis fails; it may have been claimed, for a while.
        """
        return await self._claim(session_id, lambda: self._scripts.claim_ended(session_id))

    def restored(self, session_id: str, log: EventLog) -> None:
        """Have the journal go on with the log of a claimed session; with another one of it, if it is called again.

        Raises:
            KeyError: if it was not claimed, or too long ago.
        """
        kept = self._journal.drop(session_id)
        if session_id in self._claimed or kept is None:
            fence, stored = self._claimed.pop(session_id)
            kept = Ledger(session_id, log, fence, stored.head, stored.key, durable=len(stored.entries))
        self._journal.keep(replace(kept, log=log))
        # One that has ended, and was not thought on with by then, is not kept any longer.
        asyncio.get_running_loop().call_later(self._settings.hold_s, self._journal.grown, session_id)

    def fence_of(self, session_id: str) -> int | None:
        """Return the fence of a session that is claimed and not restored; forget it."""
        claimed = self._claimed.pop(session_id, None)
        return None if claimed is None else claimed[0]

    async def _claim(self, session_id: str, claim: Callable[[], Awaitable[int | None]]) -> StoredSession | None:
        fence = await claim()
        if fence is None:
            return None
        stored = await stored_session(self._client, self._keys, session_id)
        if stored is None:
            return None
        self._claimed[session_id] = (fence, stored)
        asyncio.get_running_loop().call_later(self._settings.hold_s, self._forget, session_id, fence)
        return stored

    def _forget(self, session_id: str, fence: int) -> None:
        if session_id in self._claimed and self._claimed[session_id][0] == fence:
            del self._claimed[session_id]
