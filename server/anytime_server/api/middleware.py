"""What every request passes through: an id, and a bound on its body. Pure ASGI, so streams are not buffered."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anytime_server.api.errors import error_response, unexpected_response
from anytime_server.errors import Overloaded, PayloadTooLarge
from anytime_server.logs import request_id as logged_request_id

REQUEST_ID_HEADER = "X-Request-Id"
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Ids of clients that are taken: UUIDs, ULIDs, trace ids; nothing that a log or a page could take for anything else."""


class RequestId:
    """Gives each request an id (the client's own, if it is a plain word) and returns it in a header."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if CLIENT_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        logged_request_id.set(request_id)
        await self._app(scope, receive, send_with_id)


class TellUnexpected:
    """Answers what no handler expects from inside of the other middleware, so that its response has their headers.

    The error goes on to the server process, which logs it with the request's id, and closes the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            if scope["type"] == "http" and not begun:
                await unexpected_response(Request(scope))(scope, receive, send)
            raise


BODIES = 64
"""As many bodies of the largest size are held at a time. A request holds its body until it has been answered."""

RETRY_AFTER_S = 1


class BodyLimit:
    """Refuses bodies over `max_bytes` with 413, by their declared length or as they arrive.

    What all requests hold together is bounded likewise: one that comes on top is a 429.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Wrap `app`."""
        self._app = app
        self._max_bytes = max_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = PayloadTooLarge(f"the request body is over {self._max_bytes} bytes; shorten the prompt")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await error_response(Request(scope), error)(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self._held_bytes += size
            if received > self._max_bytes:
                # FastAPI lets no other error out of its body parsing.
                raise HTTPException(error.status, error.message)
            if size and self._held_bytes > BODIES * self._max_bytes:
                raise Overloaded(
                    "the requests in flight have too many bytes; try again in a moment", retry_after=RETRY_AFTER_S
                )
            return message

        try:
            await self._app(scope, receive_limited, send)
        finally:
            self._held_bytes -= received
