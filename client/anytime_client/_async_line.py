"""An asyncio line to the server: performs the steps of a flow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx

from anytime_client._config import Config
from anytime_client._errors import APIConnectionError
from anytime_client._flows import Flow, HangUp, Read, Send, Sleep, Step, advance
from anytime_client._request import build_request, is_stream
from anytime_client._retries import Contact

T = TypeVar("T")


class AsyncLine:
    """Performs one flow at a time, and holds the response that it streams."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        config: Config,
        contact: Contact,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Send over `http`, and note in `contact` that there was an answer."""
        self._http = http
        self._config = config
        self._contact = contact
        self._sleep = sleep
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end and return its result."""
        outcome: Any = None
        while True:
            try:
                step = advance(flow, outcome)
            except StopIteration as result:
                value: T = result.value
                return value
            outcome = await self.perform(step)

    async def perform(self, step: Step) -> Any:
        """Perform a step and return its outcome, which may be an `httpx.RequestError`."""
        try:
            match step:
                case Send():
                    return await self._send(step)
                case Read():
                    return await anext(self._chunks, None) if self._chunks else None
                case HangUp():
                    return await self.close()
                case Sleep():
                    return await self._sleep(step.seconds)
        except httpx.RequestError as error:
            return error

    async def close(self) -> None:
        """Close the response that is open, if any."""
        response, self._response = self._response, None
        if response is not None:
            await response.aclose()

    async def _send(self, step: Send) -> httpx.Response:
        await self.close()
        if self._http.is_closed:
            raise APIConnectionError("the client is closed")
        response = await self._http.send(build_request(self._http, step.call, self._config), stream=True)
        self._contact.made = True
        if step.call.streams and is_stream(response):
            self._response, self._chunks = response, response.aiter_bytes()
        else:
            try:
                await response.aread()
            finally:
                await response.aclose()
        return response
