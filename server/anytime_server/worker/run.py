"""The worker's process: uvicorn, as for `anytime serve`, but for requests that can go on elsewhere."""

import math

import uvicorn
from fastapi import FastAPI

from anytime_server.api import ServerSettings
from anytime_server.draining import TICKS_PER_S, abandon_process
from anytime_server.engines import Engine
from anytime_server.run import SOFTWARE_ERROR, server_config


class WorkerServer(uvicorn.Server):
    """Ends by itself when its engine is lost."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        """Serve `engine`."""
        super().__init__(config)
        self._engine = engine

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does, and look after the engine."""
        if counter % TICKS_PER_S == 0 and self._engine.lost is not None:
            self.should_exit = True
        return await super().on_tick(counter)


def run(app: FastAPI, settings: ServerSettings) -> bool:
    """Serve until a signal ends it; return whether the worker had started at all. Logs are configured by then.

    If the engine is lost, the process ends with the code EX_SOFTWARE (70).
    """
    engine: Engine = app.state.engine
    config = server_config(app, settings)
    # What has not ended by then is cut off: whoever asked goes on with another worker.
    config.timeout_graceful_shutdown = math.ceil(settings.drain_s)
    server = WorkerServer(config, engine)
    server.run()
    if engine.lost is not None:
        # A thread of the engine may hang, and would hold up an orderly end.
        abandon_process(SOFTWARE_ERROR)
    return server.started
