"""A blocking line to the server: performs the steps of a flow."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from anytime_client._config import Config
from anytime_client._errors import APIConnectionError
from anytime_client._flows import Flow, HangUp, Read, Send, Sleep, Step, advance
from anytime_client._request import build_request, is_stream
from anytime_client._retries import Contact

T = TypeVar("T")


class Line:
    """Performs one flow at a time, and holds the response that it streams."""

    def __init__(
        self, http: httpx.Client, config: Config, contact: Contact, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Send over `http`, and note in `contact` that there was an answer."""
        self._http = http
        self._config = config
        self._contact = contact
        self._sleep = sleep
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end and return its result."""
        outcome: Any = None
        while True:
            try:
                step = advance(flow, outcome)
            except StopIteration as result:
                value: T = result.value
                return value
            outcome = self.perform(step)

    def perform(self, step: Step) -> Any:
        """Perform a step and return its outcome, which may be an `httpx.RequestError`."""
        try:
            match step:
                case Send():
                    return self._send(step)
                case Read():
                    return next(self._chunks, None)
                case HangUp():
                    return self.close()
                case Sleep():
                    return self._sleep(step.seconds)
        except httpx.RequestError as error:
            return error

    def close(self) -> None:
        """Close the response that is open, if any."""
        response, self._response = self._response, None
        if response is not None:
            response.close()

    def _send(self, step: Send) -> httpx.Response:
        self.close()
        if self._http.is_closed:
            raise APIConnectionError("the client is closed")
        response = self._http.send(build_request(self._http, step.call, self._config), stream=True)
        self._contact.made = True
        if step.call.streams and is_stream(response):
            self._response, self._chunks = response, response.iter_bytes()
        else:
            try:
                response.read()
            finally:
                response.close()
        return response
