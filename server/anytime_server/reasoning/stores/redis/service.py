"""The store at work for one host: its parts put together, and their tasks."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Collection

from redis.asyncio import Redis
from redis.exceptions import RedisError

from anytime_server.logs import fields
from anytime_server.reasoning.stores.contract import Host
from anytime_server.reasoning.stores.counts import Counts
from anytime_server.reasoning.stores.redis.claims import Claims
from anytime_server.reasoning.stores.redis.commands import Desk, Errands
from anytime_server.reasoning.stores.redis.ear import Ear, Post
from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.journal import Journal
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.lease import Lease
from anytime_server.reasoning.stores.redis.readership import Readership
from anytime_server.reasoning.stores.redis.scripts import Scripts
from anytime_server.reasoning.stores.redis.settings import RedisSettings
from anytime_server.reasoning.stores.redis.takeover import Takeover
from anytime_server.reasoning.stores.redis.wire import REPLY
from anytime_server.tasks import end_tasks, spawn

logger = logging.getLogger(__name__)


class Service:
    """One replica among those that share the sessions of a fingerprint."""

    def __init__(self, client: Redis, keys: Keys, host: Host, settings: RedisSettings, counts: Counts) -> None:
        """Put the parts together; `start` sets them to work."""
        self.client, self.keys, self.host, self.settings = client, keys, host, settings
        self.replica = f"{socket.gethostname()[:40]}-{secrets.token_hex(6)}"
        self.scripts = Scripts(client, keys, self.replica, settings)
        self.journal = Journal(self.scripts, settings, host.lose, counts)
        self.lease = Lease(client, keys, self.replica, settings, lapsed=self.journal.recheck)
        self.claims = Claims(client, keys, self.replica, self.scripts, self.journal, settings)
        self.takeover = Takeover(self.scripts, self.claims, self.lease, host, settings, counts)
        self.ear = Ear(client, keys, self.replica, settings, self._heard)
        self.errands = Errands(client, keys, self.replica, self.ear, settings)
        self.desk = Desk(self.ear, self.journal, host, settings)
        self.readership = Readership(client, keys, settings)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take a lease, then listen, write and look for orphans.

        Raises:
            RedisError: if Redis fails.
        """
        await self.lease.renew()
        for part in (self.lease, self.journal, self.ear, self.readership, self.takeover):
            self._tasks.append(spawn(part.run(), type(part).__name__.lower()))

    async def release(self, session_ids: Collection[str]) -> None:
        """Write what is left of sessions of this replica, and hand them over."""
        ours = [session_id for session_id in session_ids if self.journal.owns(session_id)]
        try:
            async with asyncio.timeout(2 * self.settings.patience_s):
                for session_id in ours:
                    await self.journal.written(session_id)
        except TimeoutError:
            logger.warning("sessions are released with what redis has", extra=fields(backlog=self.journal.backlog))
        ledgers = [ledger for session_id in session_ids if (ledger := self.journal.drop(session_id)) is not None]
        claimed = [(id, fence) for id in session_ids if (fence := self.claims.fence_of(id)) is not None]
        fences = [*((ledger.id, ledger.fence) for ledger in ledgers), *claimed]
        try:
            if fences:
                released = await self.scripts.release(fences)
                logger.info("sessions released", extra=fields(sessions=released))
        except RedisError as error:
            logger.warning("no release: others wait for the lease", extra=failed(error))
        for ledger in ledgers:
            if not ledger.log.ended:
                ledger.log.move()

    async def stop(self) -> None:
        """Release what still runs, and leave."""
        await end_tasks(task for task in self._tasks if task.get_name() == "takeover")
        await self.release(self.journal.owned)
        await self.desk.close()
        await end_tasks(self._tasks)
        self.journal.close()
        try:
            await self.lease.give_up()
        except RedisError as error:
            logger.debug("the lease is left to expire", extra=failed(error))

    def _heard(self, message: Post) -> None:
        if REPLY in message:
            self.errands.heard(message)
        else:
            self.desk.heard(message)
