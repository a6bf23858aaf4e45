"""The store that replicas share: see the package."""

from collections.abc import Collection
from typing import Any

from redis.asyncio import Redis

from anytime_server.errors import Unavailable
from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.stores.contract import Host, Reservation, Store, StoredSession
from anytime_server.reasoning.stores.counts import Counts
from anytime_server.reasoning.stores.redis.connection import check, connect
from anytime_server.reasoning.stores.redis.elsewhere import RETRY_AFTER_S, Elsewhere, reached
from anytime_server.reasoning.stores.redis.journal import Ledger
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.scripts import reservation_of
from anytime_server.reasoning.stores.redis.service import Service
from anytime_server.reasoning.stores.redis.settings import RedisSettings
from anytime_server.reasoning.stores.urls import shown

FIRST_FENCE = 1


class RedisStore(Store):
    """See `Store`. Its parts are there from `start` to `stop`."""

    keeps_steps = True

    def __init__(self, client: Redis, url: str, settings: RedisSettings) -> None:
        """Keep sessions by `client`, which connects to `url`."""
        self.settings = settings
        self._counts = Counts()
        self._client, self._url = client, url
        self._service: Service | None = None

    @classmethod
    def from_url(cls, url: str, settings: RedisSettings | None = None) -> "RedisStore":
        """Return a store at a URL such as redis://user:password@host:6379/0, rediss://..., unix:///path.

        Raises:
            InvalidRequest: if it is none.
        """
        settings = settings or RedisSettings()
        return cls(connect(url, settings), url, settings)

    def __repr__(self) -> str:
        return f"RedisStore({shown(self._url)!r})"

    @property
    def service(self) -> Service:
        """What serves the host.

        Raises:
            Unavailable: before `start`, and after `stop`.
        """
        if self._service is None:
            raise Unavailable("the server is going down; try another replica", retry_after=RETRY_AFTER_S)
        return self._service

    @property
    def counts(self) -> Counts:
        """See `Store.counts`."""
        return self._counts

    @property
    def backlog(self) -> int:
        """See `Store.backlog`."""
        return 0 if self._service is None else self._service.journal.backlog

    @property
    def available(self) -> bool:
        """See `Store.available`."""
        return self._service is not None and self._service.journal.available and self._service.lease.available

    async def reach(self) -> None:
        """See `Store.reach`."""
        await check(self._client, self._url)

    async def start(self, host: Host, fingerprint: str) -> None:
        """See `Store.start`."""
        await self.reach()
        service = Service(self._client, Keys(fingerprint), host, self.settings, self._counts)
        with reached():
            await service.start()
        self._service = service

    async def stop(self) -> None:
        """See `Store.stop`."""
        service, self._service = self._service, None
        if service is not None:
            await service.stop()
        await self._client.aclose()

    def begin(self, session_id: str, head: str, log: EventLog, key: str | None) -> None:
        """See `Store.begin`."""
        self.service.journal.keep(Ledger(session_id, log, FIRST_FENCE, head, key))

    def own(self, session_id: str, log: EventLog) -> None:
        """See `Store.own`."""
        self.service.claims.restored(session_id, log)

    def grown(self, session_id: str) -> None:
        """See `Store.grown`."""
        if self._service is not None:
            self._service.journal.grown(session_id)

    async def release(self, session_ids: Collection[str]) -> None:
        """See `Store.release`."""
        await self.service.release(session_ids)

    async def reserve(self, key: str, digest: bytes, session_id: str) -> Reservation:
        """See `Store.reserve`."""
        with reached():
            return await self.service.scripts.reserve(key, Reservation(session_id, digest))

    async def reserved(self, key: str) -> Reservation | None:
        """See `Store.reserved`."""
        with reached():
            value: Any = await self._client.get(self.service.keys.reservation(key))
        return None if value is None else reservation_of(value)

    async def unreserve(self, key: str, session_id: str) -> None:
        """See `Store.unreserve`."""
        with reached():
            await self.service.scripts.unreserve(key, session_id)

    async def find(self, session_id: str) -> Handle | None:
        """See `Store.find`."""
        with reached():
            known = await self._client.exists(self.service.keys.session(session_id))
        return Elsewhere(session_id, self.service) if known else None

    async def claim(self, session_id: str) -> StoredSession | None:
        """See `Store.claim`."""
        with reached():
            return await self.service.claims.ended(session_id)

    async def is_read_elsewhere(self, session_id: str) -> bool:
        """See `Store.is_read_elsewhere`. While Redis is down it may be."""
        try:
            with reached():
                return await self.service.readership.exists(session_id)
        except Unavailable:
            return True
