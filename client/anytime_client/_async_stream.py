"""A session's stream, read on an asyncio event loop."""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from anytime_client import _calls
from anytime_client._async_line import AsyncLine
from anytime_client._errors import AnytimeError
from anytime_client._flows import STEPS, StreamFlow, advance, fetch_document
from anytime_client._reading import Reading
from anytime_client._replies import completed
from anytime_client._retries import Attempts
from anytime_client._stream_view import FAREWELL_S, StreamView
from anytime_client.protocol import Event, ReasonDocument


class AsyncStream(StreamView):
    """As `Stream`, for `async with` and `async for`. The controls may be awaited in other tasks of the event loop."""

    def __init__(
        self,
        reading: Reading,
        line: Callable[[], AsyncLine],
        attempts: Callable[[], Attempts],
        *,
        cancels: bool,
        farewell_s: float = FAREWELL_S,
    ) -> None:
        """Follow `reading`; see `Stream`."""
        super().__init__(reading, attempts)
        self._new_line = line
        self._line = line()
        self._cancels = cancels
        self._farewell_s = farewell_s
        self._flow: StreamFlow | None = None
        self._first: Event | None = None

    async def __aenter__(self) -> Self:
        """Begin the session, so that its `id` is known. A session that exists is read from the first `anext` on."""
        if not self.id:
            try:
                self._first = await anext(self)
            except BaseException:
                # See `Stream.__enter__`.
                await self._line.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, and cancel what is left."""
        await self._line.close()
        await self._leave()

    def __aiter__(self) -> Self:
        """Iterate over the events that are left."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event."""
        if self._first is not None:
            event, self._first = self._first, None
            return event
        flow = self._flow or self._follow()
        self._flow = None
        outcome = None
        try:
            while isinstance(step := advance(flow, outcome), STEPS):
                outcome = await self._line.perform(step)
        except StopIteration:
            raise StopAsyncIteration from None
        self._flow = flow
        return step

    async def until_done(self) -> ReasonDocument:
        """See `Stream.until_done`."""
        async for _ in self:
            pass
        return completed(self.snapshot.as_document())

    async def _result(self) -> ReasonDocument:
        """See `Stream._result`."""
        return await self.until_done() if self._cancels else self.snapshot.as_document()

    async def _leave(self) -> None:
        """See `Stream._leave`."""
        if not self._cancels or not self._reading.goes_on:
            return
        with suppress(AnytimeError):
            farewell = fetch_document(_calls.cancel(self.id, self._farewell_s), Attempts(0))
            self._reading.end(await self._new_line().run(farewell))

    async def answer_now(self) -> ReasonDocument:
        """See `Stream.answer_now`."""
        return await self._run(_calls.answer_now(self.id))

    async def extend(
        self, budget: int | str | None = None, *, to: int | None = None, by: int | None = None
    ) -> ReasonDocument:
        """See `Stream.extend`."""
        document = await self._run(_calls.extend(self.id, _calls.raised(budget, to, by)))
        self._reading.expect(document)
        return document

    async def cancel(self) -> ReasonDocument:
        """See `Stream.cancel`."""
        return await self._run(_calls.cancel(self.id))

    async def _run(self, call: _calls.Call) -> ReasonDocument:
        return await self._new_line().run(fetch_document(call, self._new_attempts()))
