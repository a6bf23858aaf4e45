"""A session of this process, behind what a route asks of any."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager

from anytime_client.protocol import ReasonDocument
from anytime_server.reasoning.reading.events import LogEntry
from anytime_server.reasoning.reading.handle import Handle, Standing
from anytime_server.reasoning.sessions.session import Session

Extend = Callable[[str, int, bool, str | None], Awaitable[ReasonDocument]]
"""Extends a session: its id, a budget, whether that is so much more, an idempotency key."""


class Here(Handle):
    """A session that runs, or has ended, in this process."""

    def __init__(self, session: Session, extend: Extend) -> None:
        """Be a handle of `session`."""
        self.id = session.id
        self._session = session
        self._extend = extend

    def read(self, after: int = 0) -> AsyncIterator[LogEntry]:
        """See `Handle.read`."""
        return self._session.read(after)

    def reading(self) -> AbstractContextManager[None]:
        """See `Handle.reading`."""
        return self._session.audience.reading()

    async def standing(self) -> Standing:
        """See `Handle.standing`."""
        return await self._session.standing()

    async def document(self) -> ReasonDocument:
        """See `Handle.document`."""
        return await self._durable(await self._session.present())

    async def answer_now(self) -> ReasonDocument:
        """See `Handle.answer_now`."""
        self._session.answer_now()
        return await self._durable(self._session.document())

    async def extend(self, budget: int, *, relative: bool, key: str | None) -> ReasonDocument:
        """See `Handle.extend`."""
        return await self._extend(self.id, budget, relative, key)

    async def cancel(self) -> ReasonDocument:
        """See `Handle.cancel`."""
        self._session.cancel()
        return await self._session.wait()

    async def _durable(self, document: ReasonDocument) -> ReasonDocument:
        """Return the document once its text can't be lost any more: nobody has seen what another process may change."""
        await self._session.log.settle()
        return document
