"""The sign of life of this replica: a key in Redis that expires unless it is renewed."""

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.settings import RedisSettings, milliseconds

logger = logging.getLogger(__name__)


class Lease:
    """Renewed on a task of its own. Redis' clock alone counts.

    Leases also expire while Redis is down, through no fault of their holders. Who found that its own did, does not
    believe for a whole lease that others are dead.
    """

    def __init__(
        self, client: Redis, keys: Keys, replica: str, settings: RedisSettings, lapsed: Callable[[], None]
    ) -> None:
        """Hold the lease of `replica`; `lapsed` is told when it was not held for a while."""
        self._client, self._keys, self._replica, self._settings = client, keys, replica, settings
        self._lapsed = lapsed
        self._steady_since: float | None = None
        self.available = True

    @property
    def is_steady(self) -> bool:
        """Whether it was held for so long that a lease which is missing was not renewed by its holder."""
        now = asyncio.get_running_loop().time()
        return self._steady_since is not None and now - self._steady_since >= self._settings.lease_s

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._settings.renew_s if self.available else self._settings.pause_s)
            try:
                await self.renew()
            except RedisError as error:
                self._failed(error)

    async def renew(self) -> None:
        """Renew once.

        Raises:
            RedisError: if Redis fails.
        """
        async with self._client.pipeline(transaction=True) as calls:
            calls.set(self._keys.lease(self._replica), 1, px=milliseconds(self._settings.lease_s), get=True)
            calls.sadd(self._keys.replicas, self._replica)
            held, _ = await calls.execute()
        self.available = True
        if held is None or self._steady_since is None:
            self._steady_since = asyncio.get_running_loop().time()
            self._lapsed()

    async def give_up(self) -> None:
        """Let everybody know that this replica is gone.

        Raises:
            RedisError: if Redis fails; then the lease expires.
        """
        await self._client.delete(self._keys.lease(self._replica))

    def _failed(self, error: RedisError) -> None:
        if self.available:
            logger.warning("the lease could not be renewed", extra=failed(error))
        self.available = False
        self._steady_since = None
