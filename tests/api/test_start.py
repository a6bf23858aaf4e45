"""What a server says when it starts, and what it stops at its end."""

import pytest

from anytime_server.api import create_app
from anytime_server.errors import Unavailable
from anytime_server.reasoning.stores import MemoryStore
from fakes import FakeEngine, scripted


class Stuck(MemoryStore):
    """It can't be stopped."""

    async def stop(self):
        raise Unavailable("the session store does not answer")


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


async def test_a_template_that_never_thinks_is_warned_of(served, caplog):
    async with served():
        pass
    (said,) = warnings(caplog)
    assert said.startswith("the chat template of fake-model never opens the thinking")


async def test_a_model_that_declares_its_thinking_is_not(served, caplog):
    server = served()
    server.engine.tokenizer.declared_format = {"open": "<think>", "close": "</think>"}
    async with server:
        pass
    assert warnings(caplog) == []


async def test_a_store_that_can_not_be_stopped_leaves_no_engine_behind():
    engine = FakeEngine(scripted("x", "y"))
    app = create_app(engine, store=Stuck())
    with pytest.raises(Unavailable):
        async with app.router.lifespan_context(app):
            assert not engine.dead
    assert engine.dead
