"""What a response means: a document, model cards, or which error."""

import re
import time
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from anytime_client._address import BASE_URL_VARIABLE
from anytime_client._errors import (
    AnytimeError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ReasonCancelledError,
    ReasonFailedError,
    ServerError,
    UnavailableError,
)
from anytime_client.protocol import ErrorBody, ErrorInfo, ReasonDocument

REQUEST_ID_HEADER = "X-Request-Id"
NO_ROUTE = (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED)
MOST_QUOTED = 200
START_OR_CHECK = f"start one with `anytime serve`, or say where it is (base_url, {BASE_URL_VARIABLE})"
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)

STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: OverloadedError,
    500: ServerError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}

M = TypeVar("M", bound=BaseModel)


def status_error(response: httpx.Response) -> APIStatusError | None:
    """Return the error that a response (read to its end) stands for, or None if it is a success."""
    if response.is_success:
        return None
    kind = STATUS_ERRORS.get(response.status_code, ServerError if response.is_server_error else APIStatusError)
    info = _error_info(response)
    request_id = info.request_id or response.headers.get(REQUEST_ID_HEADER)
    message = info.message
    # Each answer of an Anytime server has an id: these come from something else.
    if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and request_id is None:
        # A proxy, which tells so that the server behind it has gone: Ray's HAProxy does for 502, 503 and 504.
        kind = UnavailableError
    if response.status_code in NO_ROUTE and request_id is None:
        message = f"{response.request.url} is no route of an Anytime server: {_found(response)}; check the URL"
    return kind(
        message,
        status_code=response.status_code,
        retry_after=retry_after(response.headers.get("Retry-After"), now=time.time()),
        param=info.param,
        request_id=request_id,
    )


def connection_error(error: httpx.RequestError) -> APIConnectionError:
    """Return the SDK's error for a failure of the connection, with that as its cause."""
    found = _connection_error(error)
    found.__cause__ = error
    return found


def _connection_error(error: httpx.RequestError) -> APIConnectionError:
    url = error.request.url
    server = f"the server at {url.scheme}://{url.netloc.decode()}"
    if isinstance(error, httpx.ConnectTimeout):
        return APITimeoutError(f"can't connect to {server}: it did not answer in time; {START_OR_CHECK}")
    if isinstance(error, httpx.ReadTimeout):
        return APITimeoutError(
            f"{server} did not answer in time: it is stopped or busy, or a proxy in between holds back what it sends"
        )
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"{server} did not answer in time ({type(error).__name__})")
    if isinstance(error, httpx.ConnectError):
        return APIConnectionError(f"can't connect to {server}: {error}; {START_OR_CHECK}")
    return APIConnectionError(f"the connection to {server} broke: {str(error) or type(error).__name__}")


def parse(model: type[M], response: httpx.Response) -> M:
    """Read a response's body.

    Raises:
        APIResponseError: if it is something else.
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise not_anytime(response) from error


def not_anytime(response: httpx.Response) -> APIResponseError:
    """Return the error for a success (read to its end) that is not an Anytime server's."""
    return APIResponseError(
        f"{response.request.url} answers, but not as an Anytime server of this version: {_found(response)}; "
        "check the URL",
        request_id=response.headers.get(REQUEST_ID_HEADER),
    )


def completed(document: ReasonDocument) -> ReasonDocument:
    """Return the document of a session that ended with its answer.

    Raises:
        ReasonFailedError, ReasonCancelledError: if it ended otherwise.
    """
    error = document.error or ErrorInfo(type=document.status, message=f"session {document.id} was {document.status}")
    kind: type[AnytimeError]
    if document.status == "failed":
        kind = ReasonFailedError
    elif document.status == "cancelled":
        kind = ReasonCancelledError
    else:
        return document
    raise kind(error.message, param=error.param, request_id=error.request_id, document=document)


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds to wait that a `Retry-After` header asks for, as a number or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None


def _found(response: httpx.Response) -> str:
    """Return what a response is, in a few words."""
    kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
    server = response.headers.get("Server")
    text = response.text.strip()
    title = TITLE.search(text) if "html" in kind else None
    quoted = title.group(1).strip() if title else text[:MOST_QUOTED]
    said = f"{kind}, {quoted!r}" if text else f"{kind}, an empty body"
    return f"HTTP {response.status_code} from {server}, {said}" if server else f"HTTP {response.status_code}, {said}"


def _error_info(response: httpx.Response) -> ErrorInfo:
    try:
        return ErrorBody.model_validate_json(response.content).error
    except ValidationError:
        text = response.text.strip()[:MOST_QUOTED] or response.reason_phrase
        return ErrorInfo(type="", message=text)
