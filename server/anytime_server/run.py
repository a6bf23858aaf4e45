"""The HTTP server process: uvicorn, with a shutdown that lets sessions finish."""

import asyncio
import gc
import math
import multiprocessing
import os
import socket
import sys
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI
from sse_starlette.sse import AppStatus
from starlette.types import Message, Receive, Scope, Send

from anytime_server.api import ServerSettings
from anytime_server.http_protocol import BoundedHttpProtocol
from anytime_server.reasoning import Reasoner

RESPONSE_S = 5


class ConciseStartup:
    """Tells a start-up error of ours in its one line, which says what to change, without the traceback."""

    def __init__(self, app: FastAPI) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the traceback of a failed start-up."""

        async def send_concisely(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                last_line = message.get("message", "").rstrip().rpartition("\n")[2]
                name, _, text = last_line.partition(": ")
                if name.startswith("anytime_server."):
                    message = {**message, "message": text}
            await send(message)

        await self.app(scope, receive, send_concisely if scope["type"] == "lifespan" else send)


class DrainingServer(uvicorn.Server):
    """On the first SIGTERM or SIGINT refuses new sessions, and waits for those in flight; the second ends at once.

    While the model is still loading, the first one ends it.
    """

    def __init__(self, config: uvicorn.Config, drain_s: float) -> None:
        """Serve, and give sessions `drain_s` seconds at the end."""
        super().__init__(config)
        self._drain_s = drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and take all that is there by then out of the garbage collector's rounds.

        An engine's modules are a million objects: looking through them holds up every stream for half a second.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, then do what uvicorn does."""
        app = self.config.app
        assert isinstance(app, ConciseStartup)
        reasoner: Reasoner | None = getattr(app.app.state, "reasoner", None)
        if reasoner is None:
            _leave_loading(sig)
        # A signal handler runs between any two steps of the loop.
        asyncio.get_running_loop().call_soon_threadsafe(reasoner.drain, self._drain_s)
        super().handle_exit(sig, frame)


def _leave_loading(sig: int) -> NoReturn:
    """End the process at once: nothing is served yet, and the thread that loads a model can't be interrupted."""
    for child in multiprocessing.active_children():
        child.terminate()
    print("stopped while the model was loading", file=sys.stderr, flush=True)
    os._exit(128 + sig)


def run(app: FastAPI, settings: ServerSettings) -> bool:
    """Serve until a signal ends it; return whether the server had started at all. Logs are configured by then."""
    # Streams end with their sessions, which get `drain_s` seconds; sse-starlette would cut them at the signal.
    AppStatus.enable_automatic_graceful_drain = False
    server = DrainingServer(server_config(app, settings), settings.drain_s)
    server.run()
    return server.started


def server_config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """Return how uvicorn serves `app`."""
    return uvicorn.Config(
        ConciseStartup(app),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # Sessions are cancelled after `drain_s`; then their responses still have to be written.
        timeout_graceful_shutdown=math.ceil(settings.drain_s) + RESPONSE_S,
        timeout_keep_alive=75,
        http=BoundedHttpProtocol,
    )
