"""Routes whose bodies are within bounds, and give no key two values, before they are read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from anytime_server.api.json_bounds import check_body, declares_json
from anytime_server.api.json_twins import refuse_twins
from anytime_server.errors import UnsupportedMedia


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
                await check_body(body)
                await refuse_twins(body)
            return await handle(request)

        return checked


def _refuse_compressed(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMedia(f"bodies are read as they are: send it without Content-Encoding: {encoding}")
