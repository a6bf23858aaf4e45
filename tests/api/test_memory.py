"""What many sessions through one server leave behind: what the first forty did, and no entry anywhere."""

import asyncio
import gc
import os
import sys
from collections import Counter, deque

import pytest

from api.test_reason import ASK
from live import read_events

SHORT = {**ASK, "budget": 2, "checkpoints": [], "max_answer_tokens": 2}
KEPT = 30
AT_ONCE = 10
"""Sessions at a time, and connections that the client keeps; each connection has a timer or two."""


async def one(client, number):
    """A session as a stream, as a document, or one whose client leaves."""
    if number % 3 == 0:
        await client.post("/reason", json=SHORT)
    else:
        async with client.stream("POST", "/reason", json={**SHORT, "stream": True}) as response:
            async for _ in read_events(response):
                if number % 3 == 1:
                    break


async def many(client, count):
    for start in range(0, count, AT_ONCE):
        await asyncio.gather(*(one(client, number) for number in range(start, start + AT_ONCE)))


async def held(engine):
    """Timers, tasks and descriptors, and objects of ours, once all has come to rest."""
    async with asyncio.timeout(20):
        while engine.active or any("run_asgi" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
    engine.requests.clear()
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    return {
        "timers": len([timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "objects": sum(n for kind, n in kinds.items() if str(kind.__module__).startswith("anytime_server")),
    }


def collections():
    """What holds others: of objects that the collector looks after, and of our modules, which it leaves alone.

    The loop's timers are none: those that were cancelled stay for a while.
    """
    modules = [vars(module) for name, module in sys.modules.items() if name.startswith("anytime")]
    held = gc.get_referents(*gc.get_objects(), *modules)
    timers = asyncio.get_running_loop()._scheduled
    kinds = (dict, list, set, deque)
    return {id(each): each for each in held if isinstance(each, kinds) and each is not timers}.values()


@pytest.mark.slow
async def test_two_hundred_sessions_leave_what_forty_left(served):
    async with served("ab", "4", kept_sessions=KEPT) as (client, engine):
        await many(client, 40)
        before = await held(engine)
        await many(client, 120)
        after = await held(engine)
        for what in ("timers", "tasks", "descriptors"):
            assert after[what] <= before[what] + 3 * AT_ONCE, what
        assert after["objects"] <= before["objects"] + 3 * AT_ONCE
        sizes = [(each, len(each)) for each in collections()]
        await many(client, 90)
        await held(engine)
        # A third of these sessions are of one kind.
        assert [each for each, size in sizes if len(each) - size >= 90 // 3] == []
