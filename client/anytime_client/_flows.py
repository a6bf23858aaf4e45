"""What the clients do, without doing it: generators of steps that a blocking or an asyncio line performs.

A flow yields a step, is sent the step's outcome (or has an `httpx.RequestError` thrown in), and returns its result. One
that reads a stream yields the stream's events in between.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from anytime_client import _calls
from anytime_client._calls import Call
from anytime_client._errors import AnytimeError, APIConnectionError
from anytime_client._reading import Reading
from anytime_client._replies import connection_error, not_anytime, parse, status_error
from anytime_client._request import is_stream
from anytime_client._retries import Attempts
from anytime_client._sse import Decoder
from anytime_client.protocol import Event, ReasonDocument

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call. The outcome is its response: open if it is an event stream, else read to its end."""

    call: Call


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for bytes of the open response. The outcome is what came, or None at its end."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the open response."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait before another attempt."""

    seconds: float


Step = Send | Read | HangUp | Sleep
STEPS = (Send, Read, HangUp, Sleep)
Flow = Generator[Step, Any, T]
StreamFlow = Generator[Step | Event, Any, None]


def advance(flow: Generator[T, Any, Any], outcome: Any) -> T:
    """Hand a flow the outcome of its last step, and return what it yields next.

    Raises:
        StopIteration: when the flow has returned.
    """
    return flow.throw(outcome) if isinstance(outcome, httpx.RequestError) else flow.send(outcome)


def fetch(call: Call, attempts: Attempts) -> Flow[httpx.Response]:
    """Send a call, again where that may help, and return the successful response."""
    while True:
        error: AnytimeError | None
        try:
            response: httpx.Response = yield Send(call)
            error = status_error(response)
        except httpx.RequestError as failure:
            error = connection_error(failure)
        if error is None:
            return response
        yield Sleep(attempts.wait_after(error))


def fetch_document(call: Call, attempts: Attempts) -> Flow[ReasonDocument]:
    """Send a call whose response is a session's document."""
    return parse(ReasonDocument, (yield from fetch(call, attempts)))


def follow(reading: Reading, attempts: Attempts) -> StreamFlow:
    """Yield the events of a session to its end, over as many connections as it takes."""
    try:
        while reading.goes_on:
            response = yield from fetch(reading.next_call(), attempts)
            if response.status_code == httpx.codes.NO_CONTENT and reading.id:
                reading.end((yield from fetch_document(_calls.document(reading.id), attempts)))
            elif not is_stream(response):
                raise not_anytime(response)
            else:
                broken = yield from _read(reading, attempts)
                yield HangUp()
                if not reading.has_ended:
                    yield Sleep(attempts.wait_after(broken))
    except AnytimeError as error:
        yield HangUp()
        raise reading.explain(error) from error.__cause__


def _read(reading: Reading, attempts: Attempts) -> Generator[Step | Event, Any, APIConnectionError]:
    """Yield the events of one connection to its end; return what it was, which is a failure unless the session's too.

    The server ends the connection with the session, unless the session has been extended by then.
    """
    decoder = Decoder()
    try:
        while (chunk := (yield Read())) is not None:
            for message in decoder.feed(chunk):
                if (event := reading.take(message)) is not None:
                    attempts.succeeded()
                    yield event
    except httpx.RequestError as failure:
        return connection_error(failure)
    except APIConnectionError as gap:
        return gap
    return APIConnectionError("the stream broke off before the session's end")
