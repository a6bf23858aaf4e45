"""Routes whose bodies are within bounds, and give no key two values, before they are read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from anytime_server.api.json_bounds import check_body, declares_json
from anytime_server.api.json_twins import refuse_twins


class BoundedRoute(APIRoute):
    """A route of FastAPI's that looks at the size and the structure of a body first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind the check."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            try:
                body = await request.body()
            except ClientDisconnect:
                return await handle(request)
            if declares_json(request.headers):
                await check_body(body)
                await refuse_twins(body)
            return await handle(request)

        return checked
