"""A log line for every request, once its response is over."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anytime_server.api.access import PROBES
from anytime_server.logs import NOT_IN_TEXT, fields

logger = logging.getLogger(__name__)

STATIC = ("/playground/", "/docs/assets/")
"""Where files are: a page asks for dozens."""


class AccessLog:
    """Logs method, path (no query), status and duration.

    What probes ask every few seconds, and files, only at level debug. Text leaves out what a session was asked: it has
    a line of its own at its end.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what the server answers to an error that gets as far as here
        begun = time.monotonic()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            told = fields(
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.monotonic() - begun) * 1000, 1),
                client=(scope.get("client") or (None,))[0],
            )
            if status < 400 and _is_of_a_session(scope["method"], scope["path"]):
                told |= NOT_IN_TEXT
            quiet = status < 400 and _is_routine(scope["path"])
            logger.log(logging.DEBUG if quiet else logging.INFO, "request", extra=told)


def _is_routine(path: str) -> bool:
    return path == "/" or path in PROBES or path.startswith(STATIC)


def _is_of_a_session(method: str, path: str) -> bool:
    return path == "/reason" or path.startswith("/reason/") or (method == "POST" and path.startswith("/v1/"))
