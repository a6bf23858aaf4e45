"""A session without readers here, that may have some at another server: who asks for them stops when it is over."""

import asyncio

import pytest

from anytime_server.errors import Overloaded, Unavailable
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.sessions import abandonment
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask
from reasoning.shelf import Shelf


class ReadElsewhere(Shelf):
    def __init__(self):
        super().__init__()
        self.asked = 0
        self.is_read = True

    async def is_read_elsewhere(self, session_id):
        self.asked += 1
        return self.is_read


async def left_alone(monkeypatch, **fields):
    """A session that its only reader has left, and whose store says that it is read elsewhere."""
    monkeypatch.setattr(abandonment, "READ_ELSEWHERE_S", 0.001)
    engine, shelf = FakeEngine(scripted(THINKING, ANSWER)), ReadElsewhere()
    engine.gate.clear()
    left = Reasoner(engine, fake_format(engine), ReasonSettings(), None, shelf)
    left = left.submit(ask(budget=12, checkpoints=[], **fields))
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


GRACE_S = 0.05


async def lasts(session):
    """Seconds until the session has ended, for want of readers."""
    now = asyncio.get_running_loop().time
    begun = now()
    assert (await session.wait()).status == "cancelled"
    return now() - begun


async def test_the_grace_begins_when_the_last_reader_elsewhere_leaves(monkeypatch):
    _, shelf, left = await left_alone(monkeypatch, grace_ms=round(GRACE_S * 1000))
    await asyncio.sleep(GRACE_S / 2)
    shelf.is_read = False
    assert await lasts(left) >= GRACE_S * 0.9


async def test_the_grace_begins_anew_for_whoever_comes_back_here_while_it_is_read_elsewhere(monkeypatch):
    _, shelf, left = await left_alone(monkeypatch, grace_ms=round(GRACE_S * 1000))
    await asyncio.sleep(GRACE_S * 1.5)
    with left.audience.reading():
        shelf.is_read = False
    assert await lasts(left) >= GRACE_S * 0.9


async def test_a_reader_that_comes_back_within_the_grace_keeps_the_session(monkeypatch):
    engine, shelf, left = await left_alone(monkeypatch, grace_ms=round(GRACE_S * 1000))
    shelf.is_read = False
    with left.audience.reading():
        await asyncio.sleep(GRACE_S * 2)
        engine.gate.set()
        assert (await left.wait()).status == "completed"


class Down(Shelf):
    """Its keys can't be let go of twice, then they can."""

    def __init__(self):
        super().__init__()
        self.refused = 0

    async def unreserve(self, key, session_id):
        if self.refused < 2:
            self.refused += 1
            raise Unavailable("the session store does not answer")


async def test_a_session_without_readers_is_given_up_once_the_store_has_let_go_of_its_key(monkeypatch):
    monkeypatch.setattr(abandonment, "READ_ELSEWHERE_S", 0.001)
    engine, shelf = FakeEngine(scripted(THINKING, ANSWER)), Down()
    engine.gate.clear()
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings(), None, shelf)
    left = reasoner.admit(reasoner.plan(ask(budget=12, checkpoints=[])), "key")
    with left.audience.reading():
        pass
    assert (await left.wait()).status == "cancelled"
    assert shelf.refused == 2


async def test_a_session_that_finds_no_room_is_told_so_though_the_store_does_not_let_go_of_its_key():
    engine = FakeEngine(scripted(THINKING, ANSWER))
    engine.gate.clear()
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings(max_sessions=1), None, Down())
    plan = reasoner.plan(ask(budget=12, checkpoints=[]))
    running = reasoner.admit(plan)
    with pytest.raises(Overloaded):
        await reasoner.begin(plan, "key")
    running.cancel()
    assert (await running.wait()).status == "cancelled"
