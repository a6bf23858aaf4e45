"""Budgets that follow the load, on the fake engine; its load is what a test says."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_client.protocol import Budget
from anytime_server.controller.load import AccuracyCurve, LoadPolicy
from anytime_server.engines import EngineLoad
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, ask, events_of, until_spent
from reasoning.shelf import Shelf, reasoner_over
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")

LONG = "0123456789" * 60


class LoadedEngine(FakeEngine):
    """Says of its load what it was told."""

    waiting = 0

    def load(self):
        return EngineLoad(running=len(self.active), waiting=self.waiting, kv_in_use=0.0)


def loaded(thinking=LONG, pause_s=0.0, curve=None, **policy):
    engine = LoadedEngine(scripted(thinking, ANSWER), pause_s=pause_s)
    # A look is one step, however much waits.
    options = ReasonSettings(load=LoadPolicy(queue=0.0, **policy), curve=curve)
    reasoner = Reasoner(engine, fake_format(engine), options)
    # Ticks are the test's, and come as fast as it likes.
    reasoner._load._clock = iter(range(10**6)).__next__
    return engine, reasoner


def press(engine, reasoner, ticks=1):
    engine.waiting = 9
    for _ in range(ticks):
        reasoner._load.tick()


async def pressed_to_its_end(engine, reasoner, session):
    """Press until a session has ended; return its document."""
    while not session.has_ended:
        press(engine, reasoner)
        await asyncio.sleep(0.002)
    return session.document()


def relieve(engine, reasoner, ticks=20):
    engine.waiting = 0
    for _ in range(ticks):
        reasoner._load.tick()


def changes(events):
    return [event for event in events if event.type == "budget.changed"]


async def test_an_idle_server_grants_what_is_asked_for():
    _, reasoner = loaded()
    reasoner._load.tick()
    session = reasoner.submit(ask(budget=40, checkpoints=[]))
    document = await session.wait()
    assert document.budget == Budget(requested=40, granted=40, spent=40)
    assert document.stop_reason == "budget"
    assert not changes(await events_of(session))


async def test_a_session_that_begins_under_load_is_told_what_it_gets_and_why():
    engine, reasoner = loaded()
    press(engine, reasoner, ticks=60)
    engine.waiting = 0
    reasoner._load.tick()
    session = reasoner.submit(ask(budget=100, checkpoints={"count": 2}))
    document = await session.wait()
    created = (await events_of(session))[0]
    assert created.budget == Budget(requested=100, granted=25, spent=0, limited_by="load")
    assert created.checkpoints == (8, 16)
    assert document.stop_reason == "load"
    assert document.budget.spent == document.budget.granted == 25
    assert reasoner.scale == pytest.approx(0.01)


async def test_a_running_session_is_cut_and_told():
    engine, reasoner = loaded(pause_s=0.001)
    session = reasoner.submit(ask(budget=400, checkpoints=[300]))
    await until_spent(session, 120)
    document = await pressed_to_its_end(engine, reasoner, session)
    assert document.stop_reason == "load"
    assert 120 <= document.budget.spent < 400
    assert document.budget.granted == document.budget.spent
    assert document.thinking == LONG[: document.budget.spent]
    (change,) = changes(await events_of(session))
    assert (change.cause, change.budget, change.checkpoints) == ("load", document.budget, ())


async def test_budgets_are_given_back_to_sessions_that_still_think():
    engine, reasoner = loaded(pause_s=0.001)
    press(engine, reasoner, ticks=10)
    session = reasoner.submit(ask(budget=400, checkpoints=[20, 390]))
    assert 150 < session.granted < 300
    await until_spent(session, 10)
    relieve(engine, reasoner)
    document = await session.wait()
    assert document.stop_reason == "budget"
    assert document.budget == Budget(requested=400, granted=400, spent=400)
    assert [answer.at for answer in document.checkpoints] == [20, 390]
    assert document.thinking == LONG[:400]


async def test_while_sessions_are_short_it_looks_more_often():
    _, reasoner = loaded(pause_s=0.001)
    reasoner._load.tick()
    assert reasoner._load._scale.look_s == LoadPolicy().tick_s
    first = reasoner.submit(ask(budget=40, checkpoints=[]))
    await first.wait()
    session = reasoner.submit(ask(budget=40, checkpoints=[]))
    await until_spent(session, 5)
    reasoner._load.tick()
    assert reasoner._load._scale.look_s < LoadPolicy().tick_s
    await session.wait()
    reasoner._load.tick()
    assert reasoner._load._scale.look_s == LoadPolicy().tick_s


async def test_the_first_burst_after_a_lone_session_is_looked_at_as_often_as_that_session_was_short():
    _, reasoner = loaded(pause_s=0.001)
    await reasoner.submit(ask(budget=40, checkpoints=[])).wait()
    burst = [reasoner.submit(ask(budget=400, checkpoints=[])) for _ in range(40)]
    await until_spent(burst[0], 1)
    reasoner._load.tick()
    assert reasoner._load._scale.look_s < LoadPolicy().tick_s / 2
    for session in burst:
        session.cancel()
        await session.wait()


async def test_no_session_gets_less_than_its_floor_or_min_budget():
    engine, reasoner = loaded(pause_s=0.001)
    fields = {"checkpoints": [], "budget": 200}
    sessions = [reasoner.submit(ask(**fields)), reasoner.submit(ask(**fields, min_budget=120))]
    await until_spent(sessions[0], 1)
    short, long = [await pressed_to_its_end(engine, reasoner, session) for session in sessions]
    assert short.stop_reason == long.stop_reason == "load"
    assert 50 <= short.budget.spent < 120 <= long.budget.spent < 200


async def test_a_session_below_its_grant_is_left_alone():
    engine, reasoner = loaded(pause_s=0.001)
    session = reasoner.submit(ask(budget=100, checkpoints=[]))
    await until_spent(session, 1)
    press(engine, reasoner, ticks=3)
    relieve(engine, reasoner)
    document = await session.wait()
    assert document.budget.spent == 100
    assert not changes(await events_of(session))


async def test_a_session_is_refused_only_when_the_floors_do_not_fit():
    engine, reasoner = loaded()
    press(engine, reasoner, ticks=10)
    await reasoner.submit(ask(budget=10)).wait()
    press(engine, reasoner, ticks=60)
    with pytest.raises(Overloaded, match="smallest budgets") as refused:
        reasoner.submit(ask(budget=10))
    assert refused.value.retry_after is not None
    relieve(engine, reasoner, ticks=1)
    await reasoner.submit(ask(budget=10)).wait()


async def test_what_the_load_has_taken_can_be_asked_for_again():
    engine, reasoner = loaded()
    press(engine, reasoner, ticks=30)
    session = reasoner.submit(ask(budget=200, checkpoints=[]))
    first = await session.wait()
    assert first.stop_reason == "load"
    relieve(engine, reasoner)
    reasoner.extend(session.id, 200, relative=False)
    second = await session.wait()
    assert (second.stop_reason, second.budget.spent) == ("budget", 200)
    assert second.thinking == LONG[:200]


async def test_an_extension_counts_as_requested():
    engine, reasoner = loaded(pause_s=0.001)
    session = reasoner.submit(ask(budget=100, checkpoints=[]))
    await until_spent(session, 10)
    reasoner.extend(session.id, 400, relative=False)
    document = await pressed_to_its_end(engine, reasoner, session)
    assert document.stop_reason == "load"
    assert document.budget.requested == 400
    assert 100 <= document.budget.spent < 400


async def test_tokens_go_where_the_curve_says_that_they_buy_most():
    flat = AccuracyCurve({0: 0.0, 60: 0.9, 400: 0.91})
    engine, reasoner = loaded(curve=flat)
    press(engine, reasoner, ticks=20)
    long = reasoner.submit(ask(budget=400, checkpoints=[]))
    short = reasoner.submit(ask(budget=60, checkpoints=[]))
    # By shares alone the short one would get 23: below 60 a token is worth most.
    assert [session.granted for session in (long, short)] == [156, 60]
    await asyncio.gather(short.wait(), long.wait())


@settings(max_examples=examples(30))
@given(
    budget=st.integers(1, 120),
    least=st.floats(0, 1),
    checkpoints=st.sampled_from([[], {"every": 7}, {"count": 3}]),
    steps=st.lists(st.sampled_from(["press", "crush", "relieve", "extend", "answer_now", "wait"]), max_size=12),
    cut=st.floats(0, 1),
)
def test_under_any_load_budgets_stay_exact_and_a_log_tells_its_session(budget, least, checkpoints, steps, cut):
    async def law():
        shelf = Shelf()
        options = {"load": LoadPolicy(), "flush_s": 0.0}
        engine, reasoner = reasoner_over(shelf, LONG, ANSWER, **options)
        reasoner._load._clock = iter(range(10**6)).__next__
        waiting = 0
        engine.load = lambda: EngineLoad(1, waiting, 0.0)
        shelf.watch(reasoner)
        request = ask(budget=budget, min_budget=int(least * budget), checkpoints=checkpoints)
        session = reasoner.submit(request)
        for step in steps:
            waiting = 9 if step in ("press", "crush") else 0
            for _ in range(40 if step == "crush" else 1):
                reasoner._load.tick()
            if step == "extend" and session.would_raise(session.raised_by(9), more=True):
                reasoner.extend(session.id, 9, relative=True)
            if step == "answer_now":
                session.answer_now()
            for _ in range(9):
                await asyncio.sleep(0)
            document = session.document()
            assert document.budget.spent <= document.budget.granted <= document.budget.requested
        document = await session.wait()
        used = document.usage
        assert document.budget.spent <= document.budget.granted
        if document.stop_reason in ("budget", "load"):
            assert document.budget.spent == document.budget.granted
        if "answer_now" not in steps:
            assert document.budget.spent >= int(least * budget)
        assert document.thinking == LONG[: document.budget.spent]
        assert used.thinking + used.forced + used.answer + used.interim + used.discarded == engine.generated
        assert not engine.active
        stored = shelf.cut(session.id, cut)
        _, other = reasoner_over(Shelf(), LONG, ANSWER, **options)
        restored = other._sessions.restore(stored)
        if len(stored.entries) in shelf.stands:
            then, _ = shelf.stands[len(stored.entries)]
            assert (restored.document().budget, restored.status) == (then.budget, then.status)

    asyncio.run(law())


async def test_looks_that_fail_are_told_once_and_load_control_goes_on_when_they_succeed(caplog):
    engine, reasoner = loaded(tick_s=0.001)
    looks, all_looked = iter(range(20)), asyncio.Event()

    def load():
        look = next(looks)
        if look == 19:
            all_looked.set()
            reasoner._load.stop()
        if look % 10 < 5:
            raise ZeroDivisionError
        return EngineLoad(running=0, waiting=9, kv_in_use=0.0)

    engine.load = load
    reasoner._load.start()
    async with asyncio.timeout(20):
        await all_looked.wait()
    told = [(one.levelname, one.message) for one in caplog.records]
    failing = ("ERROR", "can't look at the load; budgets stay as they are")
    assert told == [failing, ("WARNING", "the load can be looked at again")] * 2
    assert reasoner.scale < 1
