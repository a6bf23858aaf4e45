"""What goes wrong at the start and at the end, told in a line in place of a traceback."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send


class Concise:
    """Tells a start-up error of ours in its one line, which says what to change; ends quietly what is cut short."""

    def __init__(self, app: FastAPI) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the tracebacks."""

        async def send_concisely(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                last_line = message.get("message", "").rstrip().rpartition("\n")[2]
                name, _, text = last_line.partition(": ")
                if name.startswith("anytime_server."):
                    message = {**message, "message": text}
            await send(message)

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send_concisely)
            return
        # Requests are only cancelled at the end of a shutdown, once their connections have been broken off.
        with suppress(asyncio.CancelledError):
            await self.app(scope, receive, send)
