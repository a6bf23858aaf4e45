"""Replicas over a Redis with a host that runs nothing: it has the logs that tests write to."""

import asyncio
from dataclasses import replace

from anytime_client.protocol import (
    Budget,
    ReasonCompleted,
    ReasonCreated,
    ReasonDocument,
    ThinkingDelta,
    Timings,
    Usage,
)
from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.stores.redis import RedisSettings
from anytime_server.tasks import end_tasks

QUICK = RedisSettings(
    lease_s=0.6, scan_s=0.05, patience_s=0.3, timeout_s=0.4, pause_s=0.05, hold_s=0.5, reply_s=0.3, command_s=8
)
STEADY = replace(QUICK, lease_s=20, timeout_s=5, patience_s=5)
"""Where nobody dies: a busy machine that stands still for a moment is neither a lapsed lease nor an outage."""

BUDGET = Budget(requested=9, granted=9, spent=0)


def document(status="completed", **fields):
    return ReasonDocument(
        **{
            "id": "rsn_1",
            "model": "fake",
            "status": status,
            "stop_reason": None,
            "answer": None,
            "thinking": "",
            "checkpoints": (),
            "budget": BUDGET,
            "usage": Usage(),
            "timings": Timings(),
            "error": None,
            "last_sequence_number": 1,
            **fields,
        }
    )


class FakeHost:
    """Runs nothing: it has the logs that tests write to."""

    def __init__(self, store):
        self.store = store
        self.logs = {}
        self.adopted = {}
        self.lost = []
        self.commands = []
        self.places = 100
        self.performs = self.answer

    def begin(self, id, key=None):
        log = self.logs[id] = EventLog(grown=lambda: self.store.grown(id))
        log.append(ReasonCreated, steps="made", id=id, model="fake", budget=BUDGET, checkpoints=())
        self.store.begin(id, f"head of {id}", log, key)
        return log

    def restore(self, stored):
        log = EventLog(stored.entries, grown=lambda: self.store.grown(stored.id))
        self.logs[stored.id] = log
        self.store.own(stored.id, log)
        return log

    def room(self):
        return self.places

    def adopt(self, stored):
        self.adopted[stored.id] = stored
        self.restore(stored)

    def lose(self, session_id):
        self.lost.append(session_id)
        self.logs.pop(session_id).move()

    async def perform(self, session_id, command):
        self.commands.append(command)
        return await self.performs(session_id, command)

    async def answer(self, session_id, command):
        return document("running", id=session_id)


async def die(store):
    """End a replica as a crash does: nothing is released, nothing is written any more."""
    service, store._service = store._service, None
    await end_tasks(service._tasks)
    service.journal.close()
    await service.desk.close()
    await store._client.aclose()


async def until(true, within_s=20.0):
    """Wait until something is true."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


def think(log, text, steps="[1]"):
    log.append(ThinkingDelta, steps=steps, delta=text, spent=len(log))


def end(log, **fields):
    log.append(ReasonCompleted, last=True, steps="end", document=document(last_sequence_number=len(log) + 1, **fields))


async def read(log, after=0):
    return [entry async for entry in log.read(after)]
