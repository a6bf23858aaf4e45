"""What a server keeps of its sessions: nothing that grows with their number."""

import asyncio

from anytime_client.protocol import ReasonRequest
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import FakeEngine, fake_format, scripted

REQUEST = ReasonRequest(prompt="x", budget=2, checkpoints=[], max_answer_tokens=2)


def reasoner_of(**settings):
    engine = FakeEngine(scripted("ab", "4"))
    return Reasoner(engine, fake_format(engine), ReasonSettings(**settings))


async def ended_sessions(reasoner, count):
    sessions = [reasoner.submit(REQUEST) for _ in range(count)]
    await asyncio.gather(*(session.wait() for session in sessions))
    await asyncio.sleep(0)
    return sessions


def timers():
    """Of archives."""
    pending = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
    return [timer for timer in pending if "Archive" in repr(timer)]


async def test_one_timer_is_enough_for_all_ended_sessions():
    reasoner = reasoner_of()
    before = len(timers())
    await ended_sessions(reasoner, 50)
    assert len(timers()) <= before + 1


async def test_sessions_expire_though_nobody_asks(monkeypatch):
    monkeypatch.setattr("anytime_server.reasoning.sessions.archive.SLACK_S", 0.01)
    reasoner = reasoner_of(ttl_s=0.05)
    for _ in range(2):
        await ended_sessions(reasoner, 3)
        async with asyncio.timeout(10):
            while reasoner._archive._ended:
                await asyncio.sleep(0.01)


async def test_one_that_expires_later_has_its_turn_too(monkeypatch):
    monkeypatch.setattr("anytime_server.reasoning.sessions.archive.SLACK_S", 0.01)
    reasoner = reasoner_of(ttl_s=0.1)
    await ended_sessions(reasoner, 1)
    await asyncio.sleep(0.05)
    (later,) = await ended_sessions(reasoner, 1)
    async with asyncio.timeout(10):
        while len(reasoner._archive._ended) == 2:
            await asyncio.sleep(0.005)
        while reasoner._archive._ended:
            assert next(iter(reasoner._archive._ended)) == later.id
            await asyncio.sleep(0.005)


async def test_a_session_that_comes_back_is_counted_once_and_expires(monkeypatch):
    monkeypatch.setattr("anytime_server.reasoning.sessions.archive.SLACK_S", 0.01)
    archive = reasoner_of(ttl_s=0.05)._archive
    (session,) = await ended_sessions(reasoner_of(), 1)
    for _ in range(3):
        archive.keep(session)
    assert archive._ended_bytes == session.size_bytes
    async with asyncio.timeout(10):
        while archive._ended:
            await asyncio.sleep(0.01)
    assert archive._ended_bytes == 0


async def test_a_session_that_moves_leaves_no_key_behind():
    reasoner = reasoner_of()
    session = reasoner.admit(reasoner.plan(REQUEST), key="k")
    reasoner._sessions.drop(session)
    assert reasoner._archive._id_by_key == {}
