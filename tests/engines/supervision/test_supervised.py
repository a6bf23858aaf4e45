"""A supervised engine over the fake one, on a clock that the tests turn."""

import asyncio
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

import pytest

from anytime_server.engines import EngineLoad, EngineRequest, Supervised
from anytime_server.errors import EngineDied, EngineError
from fakes import FakeEngine

PROMPT = tuple(b"prompt")


class Clock:
    """Time passes only while everybody sleeps: the one who would wake first does."""

    def __init__(self):
        self.now = 0.0
        self._sleepers = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        if not seconds:
            return
        waker = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waker))
        await waker

    async def turn(self, seconds):
        """Let so much time pass, and whoever wakes meanwhile act."""
        end = self.now + seconds
        await settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end and not sleeper[1].done()]:
            at, waker = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove((at, waker))
            self.now = max(self.now, at)
            waker.set_result(None)
            await settle()
        self.now = end


async def settle():
    for _ in range(50):
        await asyncio.sleep(0)


class Mortal(FakeEngine):
    """The fake engine, which dies and fails to start when it is told to, and dies of what some sessions ask."""

    def __init__(self, recovery="restart"):
        super().__init__(lambda ids, seed: b"x")
        self.recovery = recovery
        self.failing_starts = 0
        self.starts = self.kills = 0
        self.opens = True
        self.poison = {}
        """Sessions, and the number of tokens at which the engine dies of them."""

    async def start(self):
        self.starts += 1
        if self.failing_starts:
            self.failing_starts -= 1
            raise EngineError("no memory")
        await super().start()
        self.lives += 1
        if not self.opens:
            self.gate.clear()

    async def kill(self):
        self.kills += 1
        self.dead = True
        self.gate.set()

    async def stop(self):
        await self.kill()

    async def _sample(self, request, sample):
        life = self.lives
        async with aclosing(super()._sample(request, sample)) as chunks:
            reached = len(request.input_ids)
            try:
                async for chunk in chunks:
                    reached += 1
                    if reached >= self.poison.get(request.session_id, 10**9):
                        self.dead = True
                    if life != self.lives:
                        raise EngineError("it is another engine by now")
                    await self.check_health()
                    yield chunk
            except EngineError as error:
                raise EngineDied("the fake engine died") from error


@asynccontextmanager
async def supervised(stall_s=120.0, **options):
    clock, inner = Clock(), Mortal(**options)
    engine = Supervised(inner, stall_s, clock=clock, sleep=clock.sleep)
    await engine.start()
    try:
        yield engine, inner, clock
    finally:
        await engine.stop()


def asking(session, tokens=20, done=0, name=None):
    ids = (*PROMPT, *b"x" * done)
    return EngineRequest(name or f"{session}.{done}", ids, tokens - done, session_id=session)


async def generated(engine, request):
    return [token async for chunk in engine.generate(request) for token in chunk.token_ids]


async def persistent(engine, session, tokens=20, deaths=None):
    """Generate as sessions do: after a death, on from the tokens so far."""
    done = 0
    while done < tokens:
        try:
            async for chunk in engine.generate(asking(session, tokens, done)):
                done += len(chunk.token_ids)
        except EngineDied:
            if deaths is not None:
                deaths.append(session)
            await engine.alive()
    return done


async def test_it_is_the_engine_that_it_wraps():
    async with supervised() as (engine, inner, _):
        for name in ("name", "model", "tokenizer", "limits", "default_sampling", "unsupported", "registries"):
            assert getattr(engine, name) is getattr(inner, name)
        assert (engine.plain_from, engine.recovery) == (inner.plain_from, "itself")
        inner.active.add("some")
        assert engine.load() == inner.load() == EngineLoad(1, 0, 0.001)
        inner.active.clear()
        assert await generated(engine, asking("a")) == list(b"x" * 20)
        assert engine.steps == inner.steps == 20


async def test_a_failed_first_start_is_for_the_operator():
    inner = Mortal()
    inner.failing_starts = 1
    engine = Supervised(inner)
    with pytest.raises(EngineError, match="no memory"):
        await engine.start()
    await engine.stop()
    assert inner.starts == 1
    with pytest.raises(EngineError, match="not running"):
        await engine.alive()


async def test_all_that_ran_at_a_death_can_go_on_once_it_is_back():
    async with supervised() as (engine, inner, clock):
        deaths = []
        running = [asyncio.create_task(persistent(engine, f"s{index}", 200, deaths)) for index in range(16)]
        await settle()
        inner.dead = True
        await clock.turn(0)
        assert await asyncio.gather(*running) == [200] * 16
        assert len(deaths) == 16
        assert (engine.restarts, inner.starts, inner.kills) == (1, 2, 1)
        await engine.check_health()
        assert inner.load() == engine.load() == EngineLoad(0, 0, 0.0)


async def test_while_it_is_away_requests_die_at_once_and_nothing_is_ready():
    async with supervised() as (engine, inner, clock):
        inner.failing_starts = 2
        inner.dead = True
        await clock.turn(2)
        with pytest.raises(EngineDied) as refused:
            await generated(engine, asking("a"))
        assert refused.value.headers == {"Retry-After": "2"}
        with pytest.raises(EngineError, match="being started again") as unready:
            await engine.check_health()
        assert unready.value.status == 503
        assert "Retry-After" in unready.value.headers
        assert engine.load() == EngineLoad(0, 0, 0.0)
        back = asyncio.create_task(engine.alive())
        await settle()
        assert not back.done()
        await clock.turn(10)
        await back
        assert len(await generated(engine, asking("a"))) == 20


async def test_a_death_without_requests_is_noticed_too():
    async with supervised() as (engine, inner, clock):
        inner.dead = True
        await clock.turn(2)
        assert engine.restarts == 1
        await engine.check_health()


async def test_a_hang_is_noticed_and_its_requests_go_on():
    async with supervised(stall_s=10) as (engine, inner, clock):
        running = asyncio.create_task(persistent(engine, "a", 200))
        await settle()
        inner.gate.clear()
        await clock.turn(9)
        assert engine.restarts == 0
        await clock.turn(3)
        assert engine.restarts == 1
        assert await running == 200


async def test_an_idle_engine_does_not_hang():
    async with supervised(stall_s=10) as (engine, _, clock):
        await clock.turn(1000)
        assert engine.restarts == 0


async def test_a_request_that_the_engine_dies_of_is_failed_alone():
    async with supervised() as (engine, inner, clock):
        inner.poison = {"bad": len(PROMPT) + 30}
        names = ["a", "b", "bad", "c", "d"]
        running = {name: asyncio.create_task(persistent(engine, name, 100)) for name in names}
        await clock.turn(60)
        with pytest.raises(EngineError, match="died 3 times") as failure:
            await running.pop("bad")
        assert not isinstance(failure.value, EngineDied)
        assert failure.value.type == "engine_error"
        assert await asyncio.gather(*running.values()) == [100] * 4
        assert engine.restarts == 3
        with pytest.raises(EngineError, match="died 3 times"):
            await generated(engine, asking("bad"))


async def test_suspects_go_in_one_at_a_time():
    async with supervised() as (engine, inner, clock):
        running = [asyncio.create_task(persistent(engine, name, 400)) for name in ("a", "b", "c")]
        await settle()
        inner.gate.clear()
        inner.opens = False
        for inside in (3, 1):
            inner.dead = True
            await clock.turn(2)
            assert len(inner.active) == inside
        inner.gate.set()
        assert await asyncio.gather(*running) == [400] * 3


async def test_an_engine_that_dies_too_often_is_given_up(caplog):
    async with supervised() as (engine, inner, clock):
        for _ in range(5):
            inner.dead = True
            await clock.turn(40)
        await engine.check_health()
        waiting = asyncio.create_task(persistent(engine, "a", 10**6))
        await settle()
        inner.dead = True
        with pytest.raises(EngineError, match="started again 5 times in 10 minutes"):
            await asyncio.wait_for(waiting, 10)
        assert engine.lost is not None
        assert engine.restarts == 5
        for refused in (engine.alive(), engine.check_health(), generated(engine, asking("b"))):
            with pytest.raises(EngineError) as refusal:
                await refused
            assert not isinstance(refusal.value, EngineDied)
        lines = [record for record in caplog.records if record.levelname == "CRITICAL"]
        assert len(lines) == 1


async def test_restarts_wait_longer_each_time():
    async with supervised() as (engine, inner, clock):
        inner.failing_starts = 10
        inner.dead = True
        at = []
        while engine.lost is None and clock.now < 100:
            before = inner.starts
            await clock.turn(0.5)
            at += [clock.now] * (inner.starts - before)
        waits = [later - earlier for earlier, later in pairwise(at)]
        assert waits == [1, 2, 4, 8]
        assert "no memory" in engine.lost


async def test_deaths_far_apart_go_on_for_ever():
    async with supervised() as (engine, inner, clock):
        for _ in range(30):
            inner.dead = True
            await clock.turn(130)
        assert (engine.restarts, engine.lost) == (30, None)


async def test_what_only_a_new_process_can_start_is_given_up_at_once():
    async with supervised(recovery="process") as (engine, inner, clock):
        running = asyncio.create_task(persistent(engine, "a", 10**6))
        await settle()
        inner.dead = True
        with pytest.raises(EngineError, match="only a new process"):
            await asyncio.wait_for(running, 10)
        await clock.turn(0)
        assert (inner.starts, inner.kills, engine.restarts) == (1, 1, 0)


async def test_a_requests_own_error_is_nobodys_death():
    async with supervised() as (engine, inner, _):

        async def refuse(request):
            raise EngineError("this one can't")
            yield

        inner._generate = refuse
        with pytest.raises(EngineError, match="this one can't") as error:
            await generated(engine, asking("a"))
        assert not isinstance(error.value, EngineDied)
        assert engine.restarts == 0


async def test_a_bug_in_the_restart_is_no_silent_end():
    async with supervised() as (engine, inner, clock):

        async def broken():
            raise ZeroDivisionError("oh")

        inner.start = broken
        inner.dead = True
        await clock.turn(2)
        with pytest.raises(EngineError, match="ZeroDivisionError: oh"):
            await engine.alive()


async def test_stopping_ends_a_restart_and_those_who_wait_for_it():
    async with supervised() as (engine, inner, clock):
        starting = asyncio.Event()

        async def slow():
            starting.set()
            await asyncio.Event().wait()

        inner.start = slow
        inner.dead = True
        waiting = asyncio.create_task(persistent(engine, "a"))
        await clock.turn(2)
        assert starting.is_set()
        await engine.stop()
        with pytest.raises(EngineError, match="not running"):
            await waiting
