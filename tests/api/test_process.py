"""What the server's process does around the app."""

import gc

import uvicorn
from fastapi import FastAPI

from anytime_server.concise import Concise
from anytime_server.draining import DrainingServer


async def test_what_was_loaded_by_the_start_is_no_work_for_the_garbage_collector():
    config = uvicorn.Config(Concise(FastAPI()), port=0, log_config=None)
    config.load()
    server = DrainingServer(config, drain_s=0)
    server.lifespan = config.lifespan_class(config)
    frozen = gc.get_freeze_count()
    await server.startup()
    try:
        assert server.started
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        if frozen:
            # What the suite had taken out, see tests/conftest.py.
            gc.freeze()
        await server.shutdown()
