"""Goes on with sessions that nobody runs: released ones at once, those of a dead replica when its lease is gone."""

import asyncio
import logging
import random
from collections.abc import Iterable

from redis.exceptions import RedisError

from anytime_server.logs import fields
from anytime_server.reasoning.stores.contract import Host
from anytime_server.reasoning.stores.counts import Counts
from anytime_server.reasoning.stores.redis.claims import Claims
from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.lease import Lease
from anytime_server.reasoning.stores.redis.scripts import Orphan, Scripts
from anytime_server.reasoning.stores.redis.settings import RedisSettings

logger = logging.getLogger(__name__)


class Takeover:
    """Looks for orphans, and takes its share of them, never more than the host has room for."""

    def __init__(
        self, scripts: Scripts, claims: Claims, lease: Lease, host: Host, settings: RedisSettings, counts: Counts
    ) -> None:
        """Take over for `host`."""
        self._scripts, self._claims, self._lease = scripts, claims, lease
        self._host, self._settings, self._counts = host, settings, counts
        self._unsure: set[str] = set()

    async def run(self) -> None:
        """Look again and again until cancelled; sooner, if there are more than this replica's share."""
        left = False
        while True:
            await asyncio.sleep(self._settings.scan_s / 2 if left else self._settings.scan_s)
            try:
                left = await self.scan()
            except RedisError as error:
                logger.debug("no look for orphans", extra=failed(error))

    async def scan(self) -> bool:
        """Look once; return whether some are left that this replica has room for.

        Raises:
            RedisError: if Redis fails. A session that may have been claimed by then is claimed again by the next look.
        """
        room = self._host.room()
        if room <= 0:
            return False
        alive, orphans = await self._scripts.orphans(room, of_the_dead=self._lease.is_steady)
        share = -(-len(orphans) // max(alive, 1))
        await self._take([Orphan(id, self._claims.replica) for id in self._unsure])
        await self._take(random.sample(orphans, min(room, share)))
        return min(room, len(orphans)) > share

    async def _take(self, orphans: Iterable[Orphan]) -> None:
        for orphan in orphans:
            if self._host.room() <= 0:
                return
            self._unsure.add(orphan.id)
            try:
                await self._take_one(orphan)
            except RedisError:
                raise
            except Exception:
                # Whatever is wrong with one session is not to keep the others waiting.
                logger.exception("session can't be taken over", extra=fields(session=orphan.id))
            self._unsure.discard(orphan.id)

    async def _take_one(self, orphan: Orphan) -> None:
        stored = await self._claims.orphan(orphan)
        if stored is not None:
            self._counts.takeovers += 1
            logger.info("session taken over", extra=fields(session=stored.id, owner=orphan.owner))
            self._host.adopt(stored)
