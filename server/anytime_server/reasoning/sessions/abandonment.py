"""A session that nobody reads any more is given up, unless it is read at another replica."""

import asyncio
from collections.abc import Callable

from anytime_server.reasoning.reading.audience import Audience
from anytime_server.reasoning.stores import Store

READ_ELSEWHERE_S = 5.0
"""How often it is looked whether other replicas still have readers."""


class Abandonment:
    """Looks after one session from the moment on at which its last reader here has stayed away."""

    def __init__(
        self, session_id: str, key: str | None, store: Store, audience: Audience, give_up: Callable[[], None]
    ) -> None:
        """Watch over a session that has begun under `key`; it is ended by `give_up`."""
        self._session_id, self._key = session_id, key
        self._store = store
        self._audience = audience
        self._give_up = give_up
        self._looking: asyncio.Task[None] | None = None

    def begin(self, has_ended: Callable[[], bool]) -> None:
        """Give the session up once nobody reads it anywhere, unless it has ended by then."""
        self._looking = asyncio.create_task(self._look(has_ended))

    def stop(self) -> None:
        """Look no more: the session goes on in another process."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, has_ended: Callable[[], bool]) -> None:
        while not has_ended() and await self._store.is_read_elsewhere(self._session_id):
            await asyncio.sleep(READ_ELSEWHERE_S)
        if self._audience.readers == 0 and self._key is not None:
            # Nobody has got anything from it: who asks again wants to, and finds the key free once the end is told.
            await self._store.unreserve(self._key, self._session_id)
        if self._audience.readers == 0:
            self._give_up()
