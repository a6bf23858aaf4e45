"""A session that another replica runs, or that has ended: read and steered through Redis."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from anytime_client.protocol import EVENT_ADAPTER, ReasonDocument, TerminalEvent
from anytime_server.errors import NotFound, Unavailable
from anytime_server.reasoning.reading.events import LogEntry
from anytime_server.reasoning.reading.handle import Handle, Standing
from anytime_server.reasoning.stores.contract import Command
from anytime_server.reasoning.stores.redis.reading import entries_after, last_entry, standing_of

if TYPE_CHECKING:
    from anytime_server.reasoning.stores.redis.service import Service

RETRY_AFTER_S = 1


@contextmanager
def reached() -> Iterator[None]:
    """Tell a failure of Redis within the block as the server's own.

    Raises:
        Unavailable: if Redis failed.
    """
    try:
        yield
    except RedisError as error:
        raise Unavailable(
            "the session store does not answer; try again in a moment", retry_after=RETRY_AFTER_S
        ) from error


class Elsewhere(Handle):
    """See `Handle`. Every method raises Unavailable if Redis fails, and NotFound once the session has expired."""

    def __init__(self, session_id: str, service: "Service") -> None:
        """Reach the session by what `service` has."""
        self.id = session_id
        self._service = service

    async def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """See `Handle.read`."""
        standing = await self.standing()
        service = self._service
        follow = nullcontext() if standing.ended else service.ear.follow(self.id, standing.last)
        with self.reading(), follow as feed:
            last = standing.last if feed is None else feed.first
            with reached():
                async for entry in entries_after(service.client, service.keys, self.id, after, last):
                    yield entry
            if feed is not None:
                async for entry in feed.read(max(after, last)):
                    yield entry

    def reading(self) -> AbstractContextManager[None]:
        """See `Handle.reading`."""
        return self._service.readership.reading(self.id)

    async def standing(self) -> Standing:
        """See `Handle.standing`."""
        service = self._service
        with reached():
            standing = await standing_of(service.client, service.keys, self.id)
        if standing is None:
            raise self._gone()
        return standing

    async def document(self) -> ReasonDocument:
        """See `Handle.document`."""
        return await self._ask(Command("document"))

    async def answer_now(self) -> ReasonDocument:
        """See `Handle.answer_now`."""
        return await self._ask(Command("answer_now"))

    async def extend(self, budget: int, *, relative: bool, key: str | None) -> ReasonDocument:
        """See `Handle.extend`. An ended session thinks on in this process."""
        if key is None and relative:
            key = f"command {secrets.token_hex(12)}"
        command = Command("extend", budget, relative, key)
        document = await self._service.errands.ask(self.id, command)
        return document or await self._service.host.perform(self.id, command)

    async def cancel(self) -> ReasonDocument:
        """See `Handle.cancel`."""
        return await self._ask(Command("cancel"))

    async def _ask(self, command: Command) -> ReasonDocument:
        while True:
            document = await self._service.errands.ask(self.id, command) or await self._last_document()
            if document is not None:
                return document

    async def _last_document(self) -> ReasonDocument | None:
        """Return the session as it has ended, None if it runs again."""
        await self.standing()
        service = self._service
        with reached():
            entry = await last_entry(service.client, service.keys, self.id)
        if entry is None:
            raise self._gone()
        event = EVENT_ADAPTER.validate_json(entry.data)
        return event.document if isinstance(event, TerminalEvent) else None

    def _gone(self) -> NotFound:
        ttl = self._service.settings.ttl_s
        return NotFound(f"no session {self.id!r}: it never was, or it ended more than {ttl:.0f} s ago", param="id")
