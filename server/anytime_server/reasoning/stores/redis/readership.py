"""Tells the owners of sessions that this replica has readers of them: a key each, that expires unless renewed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.settings import RedisSettings, milliseconds

logger = logging.getLogger(__name__)


class Readership:
    """Who reads what, of the sessions that others run."""

    def __init__(self, client: Redis, keys: Keys, settings: RedisSettings) -> None:
        """Start without readers."""
        self._client, self._keys, self._settings = client, keys, settings
        self._readers: Counter[str] = Counter()
        self._new: set[str] = set()
        self._news = asyncio.Event()

    @contextmanager
    def reading(self, session_id: str) -> Iterator[None]:
        """Be a reader of a session within the block."""
        self._readers[session_id] += 1
        self._new.add(session_id)
        self._news.set()
        try:
            yield
        finally:
            self._readers[session_id] -= 1
            if self._readers[session_id] == 0:
                del self._readers[session_id]

    async def exists(self, session_id: str) -> bool:
        """Whether some replica reads the session for its clients.

        Raises:
            RedisError: if Redis fails.
        """
        return bool(await self._client.exists(self._keys.readers(session_id)))

    async def run(self) -> None:
        """Tell of new readers at once, and of all again before they are forgotten, until cancelled."""
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            if now() >= due:
                self._new.update(self._readers)
                due = now() + self._settings.reader_s / 3
            try:
                await self._tell()
            except RedisError as error:
                logger.debug("readers are not told of", extra=failed(error))
                await asyncio.sleep(self._settings.pause_s)
                self._news.set()

    async def _tell(self) -> None:
        """Tell of what is new, or due."""
        self._news.clear()
        told = list(self._new)
        if not told:
            return
        await self._renew(told)
        self._new.difference_update(told)

    async def _renew(self, session_ids: Iterable[str]) -> None:
        async with self._client.pipeline(transaction=False) as calls:
            for session_id in session_ids:
                calls.set(self._keys.readers(session_id), 1, px=milliseconds(self._settings.reader_s))
            await calls.execute()
