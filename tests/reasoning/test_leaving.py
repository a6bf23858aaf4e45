"""A session without readers here, that may have some at another server: who asks for them stops when it is over."""

import asyncio

from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.sessions import abandonment
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask
from reasoning.shelf import Shelf


class ReadElsewhere(Shelf):
    def __init__(self):
        super().__init__()
        self.asked = 0

    async def is_read_elsewhere(self, session_id):
        self.asked += 1
        return True


async def left_alone(monkeypatch):
    """A session that its only reader has left, and whose store says that it is read elsewhere."""
    monkeypatch.setattr(abandonment, "READ_ELSEWHERE_S", 0.001)
    engine, shelf = FakeEngine(scripted(THINKING, ANSWER)), ReadElsewhere()
    engine.gate.clear()
    left = Reasoner(engine, fake_format(engine), ReasonSettings(), None, shelf).submit(ask(budget=12, checkpoints=[]))
    with left.audience.reading():
        pass
    while shelf.asked < 3:
        await asyncio.sleep(0.001)
    return engine, shelf, left


async def asks_on(shelf):
    await asyncio.sleep(0.01)
    asked = shelf.asked
    await asyncio.sleep(0.05)
    return shelf.asked > asked


async def test_once_it_has_moved_nobody_asks_for_readers_elsewhere(monkeypatch):
    _, shelf, left = await left_alone(monkeypatch)
    assert await asks_on(shelf)
    left.move()
    assert not await asks_on(shelf)


async def test_once_it_has_ended_nobody_asks_for_readers_elsewhere(monkeypatch):
    engine, shelf, left = await left_alone(monkeypatch)
    engine.gate.set()
    assert (await left.wait()).status == "completed"
    assert not await asks_on(shelf)
