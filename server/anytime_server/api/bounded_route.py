"""Routes whose bodies are within bounds, and give no key two values, before they are read."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from anytime_server.api.json_bounds import check_structure, declares_json
from anytime_server.api.json_twins import check_keys
from anytime_server.errors import UnsupportedMedia

LARGE_BYTES = 2**16
"""Larger bodies are looked at in a thread, so that others are served meanwhile."""


class BoundedRoute(APIRoute):
    """A route of FastAPI's that looks at the size and the structure of a body first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind the check."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            _refuse_compressed(request)
            try:
                body = await request.body()
            except ClientDisconnect:
                return await handle(request)
            if declares_json(request.headers):
                if len(body) > LARGE_BYTES:
                    await asyncio.to_thread(_check, body)
                else:
                    _check(body)
            return await handle(request)

        return checked


def _check(body: bytes) -> None:
    check_structure(body)
    check_keys(body)


def _refuse_compressed(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMedia(f"bodies are read as they are: send it without Content-Encoding: {encoding}")
