"""The HTTP server process: uvicorn, with a shutdown that lets sessions finish."""

import signal

import uvicorn
from fastapi import FastAPI
from sse_starlette.sse import AppStatus

from anytime_server.api import ServerSettings
from anytime_server.banner import Banner
from anytime_server.concise import Concise
from anytime_server.draining import RESPONSE_S, DrainingServer, abandon_process
from anytime_server.http_protocol import BoundedHttpProtocol, Timeouts

SOFTWARE_ERROR = 70
"""EX_SOFTWARE, by which the process ends when its engine is lost; Windows has no name for it."""


def run(app: FastAPI, settings: ServerSettings, banner: Banner | None = None) -> bool:
    """Serve until a signal ends it; return whether the server had started at all. Logs are configured by then.

    `banner` tells of the start.

    If the engine is lost, the process ends with the code EX_SOFTWARE (70) once the streams have ended.
    """
    # Streams end with their sessions, which get `drain_s` seconds; sse-starlette would cut them at the signal.
    AppStatus.enable_automatic_graceful_drain = False
    server = DrainingServer(server_config(app, settings), settings.drain_s, banner)
    try:
        server.run()
    except KeyboardInterrupt:
        # All is down. What libraries have to say about the interpreter's end is for nobody.
        abandon_process(128 + signal.SIGINT)
    if server.lost:
        # A thread of the engine may hang, and would hold up an orderly end.
        abandon_process(SOFTWARE_ERROR)
    return server.started


def server_config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """Return how uvicorn serves `app`."""

    class HttpProtocol(BoundedHttpProtocol):
        timeouts = Timeouts(settings.send_timeout_s, settings.request_timeout_s)

    return uvicorn.Config(
        Concise(app),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # By then connections have been broken off: whoever is left waits for a thread.
        timeout_graceful_shutdown=RESPONSE_S + 1,
        timeout_keep_alive=75,
        http=HttpProtocol,
    )
