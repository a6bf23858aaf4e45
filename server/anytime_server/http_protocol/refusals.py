"""Answers that are given without the application, on a connection that is closed after them."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from anytime_server.api.errors import error_body
from anytime_server.errors import AnytimeError


def refusal(error: AnytimeError) -> bytes:
    """Return the whole response that tells of `error`."""
    body = error_body(error, request_id=None).model_dump_json().encode()
    return b"".join(
        [
            STATUS_LINE[error.status],
            b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body),
            body,
        ]
    )
