"""Errors of the server; each knows its HTTP status, and one handler turns them into JSON.

AnytimeError
├── InvalidRequest      422  a field is wrong, or can't be honoured; names the field and the remedy
├── Unauthenticated     401  no API key, or a wrong one
├── NotFound            404  no such session (it never was, or its log has expired)
├── RequestTimeout      408  the request did not arrive in time
├── Conflict            409  the session's state does not allow it
├── PayloadTooLarge     413
├── UnsupportedMedia    415
├── Misdirected         421  the Host header names another server
├── HeadersTooLarge     431
├── Overloaded          429  too many sessions; retry later
└── Unavailable         503  the server is starting, draining or its engine is down
    ├── Draining             it is going down, and takes no new sessions
    └── EngineError          the engine failed
        └── EngineDied       the engine itself, not the request: once it is back, the same can go on
"""

from collections.abc import Iterator

MAX_MESSAGE = 2000
"""Characters of an error's message: what a client has sent is not sent back by the megabyte."""

MAX_PARAM = 200
"""Characters of the name of a field at fault."""


def printable(text: str) -> str:
    """Return `text` with halves of surrogate pairs spelled out: they can't be sent."""
    return text.encode(errors="backslashreplace").decode()


def shortened(text: str, most: int) -> str:
    """Return at most about `most` characters of `text`: its middle is left out, since a remedy stands at the end."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end]} [...] {text[-end:]}"


class AnytimeError(Exception):
    """Root of the server's errors: an HTTP status, a message with the remedy, and the field at fault if any."""

    status = 500
    type = "server_error"

    def __init__(
        self, message: str, *, param: str | None = None, retry_after: int | None = None, code: str | None = None
    ) -> None:
        """Keep the message, the field it is about, the seconds after which a retry may succeed, and OpenAI's code."""
        self.message = printable(shortened(message, MAX_MESSAGE))
        super().__init__(self.message)
        self.param = param if param is None else printable(shortened(param, MAX_PARAM))
        self.retry_after = retry_after
        self.code = code

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that belong to the error."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def kinds_of_errors() -> Iterator[type[AnytimeError]]:
    """Return every class of errors, the root first."""
    left = [AnytimeError]
    while left:
        kind = left.pop()
        yield kind
        left.extend(kind.__subclasses__())


class InvalidRequest(AnytimeError):
    """A request that can't be honoured as it stands."""

    status = 422
    type = "invalid_request_error"


class Unauthenticated(AnytimeError):
    """The request carries no valid API key."""

    status = 401
    type = "authentication_error"

    @property
    def headers(self) -> dict[str, str]:
        """Says how to authenticate."""
        return {"WWW-Authenticate": "Bearer"}


class NotFound(AnytimeError):
    """No such session or route."""

    status = 404
    type = "not_found_error"


class RequestTimeout(AnytimeError):
    """The request took too long to arrive."""

    status = 408
    type = "request_timeout_error"


class Conflict(AnytimeError):
    """The session is in a state that does not allow this."""

    status = 409
    type = "conflict_error"


class PayloadTooLarge(AnytimeError):
    """The request body is over the limit."""

    status = 413
    type = "payload_too_large_error"


class UnsupportedMedia(AnytimeError):
    """The request body is not JSON."""

    status = 415
    type = "unsupported_media_type_error"


class Misdirected(AnytimeError):
    """The request is addressed to a name that this server does not go by."""

    status = 421
    type = "misdirected_request_error"


class HeadersTooLarge(AnytimeError):
    """The request line and the headers are over the limit."""

    status = 431
    type = "headers_too_large_error"


class Overloaded(AnytimeError):
    """All session slots are taken."""

    status = 429
    type = "overloaded_error"


class Unavailable(AnytimeError):
    """The server can't take requests now."""

    status = 503
    type = "unavailable_error"


class Draining(Unavailable):
    """The server is going down: what it has begun goes on, what is new is for another."""

    def __init__(
        self,
        message: str = "the server is going down; try another replica",
        *,
        param: str | None = None,
        retry_after: int | None = 1,
        code: str | None = None,
    ) -> None:
        """Say so; another server may be there in a second."""
        super().__init__(message, param=param, retry_after=retry_after, code=code)

    @property
    def headers(self) -> dict[str, str]:
        """Says to ask again on another connection, which may reach another server."""
        return {**super().headers, "Connection": "close"}


class EngineError(Unavailable):
    """The inference engine failed or is down."""

    type = "engine_error"


class EngineDied(EngineError):
    """The engine, or its connection, was lost with all that it held; `Engine.alive` tells when it is back."""
