"""What the server's process does around the app."""

import gc
import os
import sys
import warnings

import pytest
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


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_what_is_forked_while_the_server_starts_has_its_collector():
    gc.disable()
    try:
        with warnings.catch_warnings(action="ignore"):  # Other tests' threads may still be there.
            child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() else 1)
    finally:
        gc.enable()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
