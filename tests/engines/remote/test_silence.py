"""Streams of which nothing comes any more."""

import asyncio

import pytest

from anytime_server.engines.remote.silence import Listening, Silence
from anytime_server.errors import EngineDied
from engines.remote.conftest import fake
from engines.remote.test_engine import IDLE, generate, idle, request, tokens_of

STALL_S = 0.5
HOUR_S = 3600.0


class Clock:
    """Looks at streams every second, unless more time passes."""

    def __init__(self, stall_s=10.0):
        self.silence = Silence(stall_s, tick_s=1.0)
        self.now = 0.0
        self.streams = []

    def stream(self, rank=0, told=0):
        self.streams.append(Listening(rank, limit=None, told=told))
        return self.streams[-1]

    def stalled_after(self, seconds, step_s=1.0):
        found = []
        for _ in range(int(seconds / step_s)):
            self.now += step_s
            found = self.silence.stalled(self.now, self.streams)
        return found


def test_a_stream_that_has_begun_and_says_nothing_more_has_stalled():
    clock = Clock()
    stream = clock.stream(told=1)
    assert clock.stalled_after(10) == []
    assert clock.stalled_after(1) == [stream]


def test_a_stream_that_goes_on_has_not_stalled():
    clock = Clock()
    stream = clock.stream(told=1)
    for _ in range(5):
        assert clock.stalled_after(9) == []
        stream.told += 1


def test_who_waits_in_the_queue_of_a_server_that_works_has_not_stalled():
    clock = Clock()
    clock.stream()
    other = clock.stream(told=1)
    for _ in range(5):
        assert clock.stalled_after(9) == []
        other.told += 1


def test_who_waits_for_a_rank_that_says_nothing_has_stalled_whatever_the_others_do():
    clock = Clock()
    waiting = clock.stream(rank=1)
    other = clock.stream(rank=0, told=1)
    found = []
    for _ in range(5):
        found += clock.stalled_after(5)
        other.told += 1
    assert found[0] is waiting


def test_streams_that_come_to_a_silent_server_do_not_excuse_it():
    clock = Clock()
    first = clock.stream()
    for _ in range(5):
        assert clock.stalled_after(2) == []
        clock.stream()
    assert clock.stalled_after(1) == [first]


def test_time_in_which_this_process_was_stopped_is_no_silence():
    clock = Clock()
    clock.stream(told=1)
    clock.stalled_after(2)
    assert clock.stalled_after(HOUR_S, step_s=HOUR_S) == []


def test_a_stream_is_broken_off_once():
    clock = Clock()
    stream = clock.stream(told=1)
    stream.stalled = True
    assert clock.stalled_after(30) == []


async def hang_in_the_middle(engine, behind, **fields):
    """Let the server with the session stop generating after 20 tokens; return these once the leg is lost."""
    seen = []
    with pytest.raises(EngineDied, match="said nothing for too long"):
        async for chunk in engine.generate(request(engine, budget=60, max_tokens=90, **fields)):
            seen += chunk.token_ids
            if len(seen) >= 20:
                home = next(one for one in behind if one.active)
                home.pause_s = HOUR_S
    return seen


async def test_a_server_that_hangs_on_the_way_ends_the_leg_and_the_next_goes_elsewhere(worker, started):
    behind = [fake(pause_s=0.001), fake(pause_s=0.001)]
    engine = await started(*[await worker(one) for one in behind], stall_s=STALL_S)
    whole = tokens_of(await generate(engine, request(engine, budget=60, max_tokens=90)))
    seen = await hang_in_the_middle(engine, behind, session_id="s")
    assert seen == whole[: len(seen)]
    assert engine.load() == IDLE
    await engine.alive()
    again = await generate(engine, request(engine, budget=60, max_tokens=90, session_id="s"))
    assert tokens_of(again) == whole
    for one in behind:
        await idle(one)


async def test_a_server_that_answers_its_probes_and_does_not_think_is_used_again_only_once_it_does(worker, started):
    behind = fake(pause_s=0.001)
    engine = await started(await worker(behind), stall_s=STALL_S)
    await hang_in_the_middle(engine, [behind])
    waiting = asyncio.create_task(engine.alive())
    await asyncio.sleep(3 * STALL_S)
    assert not waiting.done()
    behind.pause_s = 0.001
    await asyncio.wait_for(waiting, 20)
    assert tokens_of(await generate(engine, request(engine)))


async def test_a_request_that_a_silent_server_has_not_begun_goes_to_another_one_by_itself(worker, started):
    behind = [fake(pause_s=0.001), fake(pause_s=0.001)]
    engine = await started(*[await worker(one) for one in behind], stall_s=STALL_S)
    whole = tokens_of(await generate(engine, request(engine, session_id="s")))
    home = engine._servers.placement.seat("s").upstream.url
    hung = behind[[str(one.url) for one in engine._servers._all].index(home)]
    hung.pause_s = HOUR_S
    assert tokens_of(await generate(engine, request(engine, session_id="s"))) == whole


async def test_a_server_that_thinks_slowly_is_not_given_up(worker, started):
    behind = fake(pause_s=0.001)
    engine = await started(await worker(behind), stall_s=1.0)
    behind.pause_s = 0.3
    assert len(tokens_of(await generate(engine, request(engine, max_tokens=5)))) == 5
