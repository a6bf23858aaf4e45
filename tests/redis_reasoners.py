"""Whole replicas in one process: reasoners over fake engines, whose sessions are in a Redis."""

import asyncio
from dataclasses import dataclass, replace

from anytime_client.protocol import EVENT_ADAPTER, ReasonRequest
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.stores.redis import RedisStore
from fakes import FakeEngine, fake_format, scripted
from redis_replicas import QUICK, die

THINKING = "".join(f"step {number}; " for number in range(40))
ANSWER = "There are forty.\nAnswer: 40"
# Event loops of tests are busy, and machines stand still for a moment: that is neither a death nor an outage of Redis.
CALM = replace(QUICK, lease_s=2, timeout_s=2, patience_s=3)
TERMINAL = ("reason.completed", "reason.cancelled", "reason.failed")


@dataclass(frozen=True)
class Replica:
    """One server, without HTTP."""

    engine: FakeEngine
    store: RedisStore
    reasoner: Reasoner

    @property
    def killed(self):
        return self.store._service is None

    async def kill(self):
        """End as by kill -9: nothing more is written, told or released."""
        await die(self.store)
        for session in self.reasoner._archive.running:
            await session.stop()

    async def freeze(self):
        """Renew no lease and look for nothing, as a process that is stopped; what it runs goes on as if continued."""
        for task in self.store.service._tasks:
            if task.get_name() in ("lease", "takeover"):
                task.cancel()

    async def begin(self, key=None, **request):
        return await self.reasoner.begin(self.reasoner.plan(ask(**request)), key)


def ask(**fields):
    return ReasonRequest(**{"prompt": "count", "budget": 300, "checkpoints": {"every": 50}, **fields})


def reasoner_over(store=None, pause_s=0.002, model="fake", **settings):
    engine = FakeEngine(scripted(THINKING, ANSWER), pause_s=pause_s)
    engine.model = model
    return engine, Reasoner(engine, fake_format(engine), ReasonSettings(**{"flush_s": 0.02, **settings}), None, store)


async def start_replica(server, model, timings=CALM, **options):
    store = RedisStore.from_url(server.url, timings)
    engine, reasoner = reasoner_over(store, model=model, **options)
    await reasoner.start()
    return Replica(engine, store, reasoner)


async def undisturbed(**request):
    """Return how a session ends that nothing happens to."""
    _, reasoner = reasoner_over(pause_s=0)
    return await reasoner.submit(ask(**request)).wait()


async def events_of(handle, after=0):
    return [EVENT_ADAPTER.validate_json(entry.data) async for entry in handle.read(after)]


async def until_told(handle, events):
    """Read until so many events are there."""
    async for entry in handle.read():
        if entry.sequence_number >= events:
            return


def check_whole(events, runs=1):
    """A log without a gap or a duplicate, with one terminal event a run; its texts are those of its document."""
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    ends = [event for event in events if event.type in TERMINAL]
    assert len(ends) == runs
    assert events[-1] is ends[-1]
    document = events[-1].document
    assert "".join(event.delta for event in events if event.type == "thinking.delta") == document.thinking
    assert document.budget.spent <= document.budget.granted
    if document.stop_reason == "budget":
        assert document.budget.spent == document.budget.granted
    return document


def made(document):
    """What of a document must not depend on what happened to its servers."""
    answers = [(one.at, one.answer) for one in document.checkpoints]
    text = None if document.answer is None else document.answer.text
    return document.status, document.stop_reason, document.thinking, text, document.budget, answers


async def gathered(*awaitables, within_s=40):
    async with asyncio.timeout(within_s):
        return await asyncio.gather(*awaitables)
