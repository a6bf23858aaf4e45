"""A session ends, whatever goes wrong while its end is told."""

import asyncio
from operator import attrgetter

import pytest

from anytime_server.reasoning import Observer
from reasoning.conftest import ask, events_of


def fail(*args, **more):
    raise ZeroDivisionError


@pytest.mark.parametrize("broken", ["flush", "best.choose", "best.keep"])
async def test_a_fault_while_the_end_is_told_is_a_failed_session(make, monkeypatch, broken):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=6, checkpoints=[]))
    *part, name = broken.split(".")
    monkeypatch.setattr(attrgetter(*part)(session._generation) if part else session._generation, name, fail)
    async with asyncio.timeout(10):
        events = await events_of(session)
    assert (events[-1].type, events[-1].document.error.type) == ("reason.failed", "server_error")
    assert [event.type for event in events].count("reason.failed") == 1
    await asyncio.sleep(0)
    assert reasoner.in_flight == 0


async def test_a_fault_of_who_is_told_of_the_end_leaves_it_as_it_was(make):
    class Broken(Observer):
        ended = fail

    _, reasoner = make(observer=Broken())
    session = reasoner.submit(ask(budget=6, checkpoints=[]))
    async with asyncio.timeout(10):
        events = await events_of(session)
    assert events[-1].type == "reason.completed"
    await asyncio.sleep(0)
    assert reasoner.in_flight == 0
