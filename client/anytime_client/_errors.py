"""What can go wrong for a user of the SDK.

AnytimeError
├── ConfigurationError            a setting or a field can't be used: a wrong URL, half a character (also a ValueError)
├── APIConnectionError            the server can't be reached, or a stream broke and could not be taken up again
│   └── APITimeoutError           it did not answer in time
├── APIResponseError              what came back is not Anytime's, or newer than this client
├── APIStatusError                the server refused; `status_code` says how
│   ├── InvalidRequestError  422  a field is wrong or can't be honoured; `param` names it (400 and 415 too)
│   ├── AuthenticationError  401  the API key is missing or wrong
│   ├── PermissionDeniedError 403
│   ├── NotFoundError        404  no such session or route
│   ├── ConflictError        409  the session's state does not allow it
│   ├── PayloadTooLargeError 413
│   ├── OverloadedError      429  all session slots are taken; `retry_after`
│   ├── ServerError          500  a fault of the server
│   └── UnavailableError     503  the server or its engine is down; `retry_after` (also 502, 504, and a proxy's 500)
└── ReasonError                   a session ended without its final answer
    ├── ReasonFailedError         it failed
    ├── ReasonCancelledError      it was cancelled
    ├── SessionLostError          the server no longer knows it, after a restart for example
    └── NoAnswerError             `best_within` ran out of time before the first answer

Every one has `message`, `param`, `request_id` and, where a session had begun, `document`: the session as far as it is
known. `best_answer` is that document's.
"""

from collections.abc import Callable
from typing import Self

from anytime_client.protocol import Answer, ReasonDocument


class AnytimeError(Exception):
    """Root of the SDK's errors."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        request_id: str | None = None,
        document: ReasonDocument | None = None,
    ) -> None:
        """Keep what is known of the failure.

        Args:
            message: what went wrong and, where there is one, the remedy.
            param: the request field at fault.
            request_id: what the server's log has the request under.
            document: the session as far as it is known.
        """
        super().__init__(message)
        self.message = message
        self.param = param
        self.request_id = request_id
        self.document = document

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[object, ...], dict[str, object]]:
        """Let errors be copied and sent between processes."""
        return type(self).__new__, (type(self), *self.args), self.__dict__

    @property
    def best_answer(self) -> Answer | None:
        """The best answer that the session had when it went wrong."""
        return self.document.answer if self.document else None


class ConfigurationError(AnytimeError, ValueError):
    """A client can't be built, or a request can't be sent, like this; the message names the setting or the field."""


class APIConnectionError(AnytimeError):
    """The server can't be reached, or a stream broke and could not be taken up again."""


class APITimeoutError(APIConnectionError):
    """The server did not answer in time."""


class APIResponseError(AnytimeError):
    """What came back is not an Anytime server's, or newer than this client."""


class APIStatusError(AnytimeError):
    """The server answered with an error status."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        retry_after: float | None = None,
        param: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep also the HTTP status, and the seconds after which the server wants to be asked again."""
        super().__init__(message, param=param, request_id=request_id)
        self.status_code = status_code
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = f", {self.request_id}" if self.request_id else ""
        return f"{self.message} (HTTP {self.status_code}{where})"


class InvalidRequestError(APIStatusError):
    """A field is wrong or can't be honoured; `param` names it."""


class AuthenticationError(APIStatusError):
    """The API key is missing or wrong."""


class PermissionDeniedError(APIStatusError):
    """The API key does not allow this."""


class NotFoundError(APIStatusError):
    """No such session or route."""


class ConflictError(APIStatusError):
    """The session's state does not allow this."""


class PayloadTooLargeError(APIStatusError):
    """The request body is over the server's limit."""


class OverloadedError(APIStatusError):
    """All of the server's session slots are taken."""


class ServerError(APIStatusError):
    """A fault of the server; its log has it under `request_id`."""


class UnavailableError(APIStatusError):
    """The server or its engine is down, or going down."""


class ReasonError(AnytimeError):
    """A session ended without its final answer; `document` has the best one so far."""


class ReasonFailedError(ReasonError):
    """The session failed."""


class ReasonCancelledError(ReasonError):
    """The session was cancelled."""


class SessionLostError(ReasonError):
    """The server no longer knows the session, after a restart for example."""


class NoAnswerError(ReasonError, TimeoutError):
    """The time was over before the first answer came."""
