"""A session that nobody reads any more is given up, unless somebody comes back or reads it at another replica."""

import asyncio
from collections.abc import Callable

from anytime_server.errors import Unavailable
from anytime_server.reasoning.stores import Store

READ_ELSEWHERE_S = 5.0
"""How often it is looked whether other replicas have readers: more often than they cease to count as such."""


class Abandonment:
    """Looks after one session from the moment on at which its last reader here has left."""

    def __init__(
        self, session_id: str, key: str | None, store: Store, grace_s: float, give_up: Callable[[], None]
    ) -> None:
        """Watch over a session that has begun under `key`, and goes on for the grace without readers.

        It is ended by `give_up`.
        """
        self._session_id, self._key = session_id, key
        self._store = store
        self._grace_s = grace_s
        self._give_up = give_up
        self._looking: asyncio.Task[None] | None = None

    def begin(self, within_s: float = 0.0) -> None:
        """Give the session up once nobody has read it anywhere for the grace, and for so many seconds from now."""
        self.stop()
        self._looking = asyncio.create_task(self._look(max(self._grace_s, within_s)))

    def stop(self) -> None:
        """Look no more: somebody reads it again, or it has ended, or goes on in another process."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, seconds: float) -> None:
        await self._unread_for(seconds)
        while not await self._key_is_free():
            await self._unread_for(max(self._grace_s, READ_ELSEWHERE_S))
        self._give_up()

    async def _unread_for(self, seconds: float) -> None:
        """Wait until nobody has read it anywhere for the grace, and for so many seconds from now."""
        now = asyncio.get_running_loop().time
        until = now() + seconds
        while (is_read := await self._store.is_read_elsewhere(self._session_id)) or now() < until:
            if is_read:
                until = max(until, now() + self._grace_s)
            await asyncio.sleep(READ_ELSEWHERE_S if is_read else min(READ_ELSEWHERE_S, until - now()))

    async def _key_is_free(self) -> bool:
        """Let go of the key, unless the store can't be reached: then it may be read elsewhere, too.

        Nobody has got anything from the session: who asks again wants to, and finds the key free once the end is told.
        """
        if self._key is None:
            return True
        try:
            await self._store.unreserve(self._key, self._session_id)
        except Unavailable:
            return False
        return True
