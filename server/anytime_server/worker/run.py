"""The worker's process: uvicorn, as for `anytime serve`, but for requests that can go on elsewhere."""

import math

import uvicorn
from fastapi import FastAPI

from anytime_server.api import ServerSettings
from anytime_server.http_protocol import BoundedHttpProtocol
from anytime_server.run import ConciseStartup


def run(app: FastAPI, settings: ServerSettings) -> bool:
    """Serve until a signal ends it; return whether the worker had started at all. Logs are configured by then."""
    config = uvicorn.Config(
        ConciseStartup(app),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # What has not ended by then is cut off: whoever asked goes on with another worker.
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        timeout_keep_alive=75,
        http=BoundedHttpProtocol,
    )
    server = uvicorn.Server(config)
    server.run()
    return server.started
