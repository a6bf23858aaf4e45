"""A log line for every request, once its response is over."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anytime_server.logs import fields

logger = logging.getLogger(__name__)

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class AccessLog:
    """Logs method, path (no query), status and duration; what probes ask every few seconds only at level debug."""

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
            quiet = scope["path"] in PROBES and status < 400
            logger.log(
                logging.DEBUG if quiet else logging.INFO,
                "request",
                extra=fields(
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    duration_ms=round((time.monotonic() - begun) * 1000, 1),
                    client=(scope.get("client") or (None,))[0],
                ),
            )
