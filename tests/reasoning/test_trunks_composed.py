"""Several trunks beside everything else: load, loops and patterns, clients that share the engine, error rates."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anytime_client.protocol import Budget, StopWhen
from anytime_server.controller.load import LoadPolicy
from anytime_server.controller.risk import Side, Signal
from anytime_server.engines import EngineLoad
from anytime_server.engines.gate import Gate
from anytime_server.engines.gated import Gated
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Reasoner, ReasonSettings, RequestDefaults
from fakes import FakeEngine, fake_format
from reasoning.calibration import CALIBRATION
from reasoning.conftest import ask, events_of, until_spent
from reasoning.shelf import Shelf, gone_on_with, restored_as_it_was
from reasoning.trunks import SEED, asked, check, many, spent_by, steer, thinkers
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")

STEADY = "; " * 400
LOOP = "so " * 60
"""A cycle of three tokens: a loop after 25 of them."""


class Loaded:
    """A reasoner whose load is what a test says, over an engine with so many slots for clients that share it."""

    def __init__(self, thoughts, store=None, pause_s=0.0, slots=1000, **options):
        self.waiting = 0
        self.engine = FakeEngine(thinkers(thoughts), pause_s=pause_s)
        self.engine.load = lambda: EngineLoad(1, self.waiting, 0.0)
        gated = Gated.over(self.engine, Gate(slots, {}))
        # A look is one step, however much waits.
        options = ReasonSettings(load=LoadPolicy(queue=0.0), weights={}, **options)
        self.reasoner = Reasoner(gated, fake_format(gated), options, None, store)
        # Ticks are the test's, and come as fast as it likes.
        self.reasoner._load._clock = iter(range(10**6)).__next__

    def press(self, ticks=1):
        self.waiting = 9
        self._tick(ticks)

    def relieve(self, ticks=20):
        self.waiting = 0
        self._tick(ticks)

    def _tick(self, ticks):
        for _ in range(ticks):
            self.reasoner._load.tick()
        self.waiting = 0

    def submit(self, client="", **fields):
        return self.reasoner.admit(replace(self.reasoner.plan(asked(**fields)), client=client))


def changes(events):
    return [event.budget for event in events if event.type == "budget.changed"]


# --- load ------------------------------------------------------------------------------------------------------------


async def test_a_session_that_begins_under_load_shares_out_what_it_gets():
    loaded = Loaded([STEADY] * 4)
    loaded.press(60)
    loaded.relieve(1)
    session = loaded.submit(budget=200, checkpoints={"every": 10})
    document = await session.wait()
    assert document.stop_reason == "load"
    assert document.budget == Budget(requested=200, granted=51, spent=51, limited_by="load")
    assert spent_by(document) == [13, 13, 13, 12]
    assert [vote.at for vote in document.checkpoints] == [10, 13]
    assert (await events_of(session))[0].budget.granted == 51


async def test_all_trunks_are_cut_where_they_stand_and_it_is_told_once():
    loaded = Loaded([STEADY] * 4, pause_s=0.001)
    session = loaded.submit(budget=400, checkpoints={"every": 90})
    await until_spent(session, 120)
    while not session.has_ended:
        loaded.press()
        await asyncio.sleep(0.002)
    document = session.document()
    assert document.stop_reason == "load"
    assert {trunk.stop_reason for trunk in document.trunks} == {"load"}
    assert 120 <= document.budget.spent == document.budget.granted < 400
    assert max(spent_by(document)) - min(spent_by(document)) <= 2
    assert changes(await events_of(session)) == [document.budget]


async def test_what_the_load_has_taken_comes_back_to_every_trunk():
    loaded = Loaded([STEADY] * 4, pause_s=0.001)
    loaded.press(10)
    session = loaded.submit(budget=400, checkpoints=[20, 90])
    assert 150 < session.granted < 300
    await until_spent(session, 40)
    loaded.relieve()
    document = await session.wait()
    assert (document.stop_reason, spent_by(document)) == ("budget", [100] * 4)
    assert [vote.at for vote in document.checkpoints] == [20, 90, 100]
    (told,) = changes(await events_of(session))
    assert (told.granted, told.limited_by) == (400, None)


async def test_min_budget_is_each_trunks_and_no_load_takes_it():
    loaded = Loaded([STEADY] * 4)
    loaded.press(60)
    loaded.relieve(1)
    document = await loaded.submit(budget=200, min_budget=30, checkpoints=[]).wait()
    assert (document.stop_reason, spent_by(document)) == ("load", [30] * 4)


async def test_a_grant_that_the_load_lowers_goes_to_those_that_still_think():
    loaded = Loaded(["x;", "y;", STEADY, STEADY], pause_s=0.001)
    session = loaded.submit(budget=400, checkpoints=[])
    await until_spent(session, 30)
    session.limit(100)
    document = await session.wait()
    assert spent_by(document) == [2, 2, 48, 48]
    assert [trunk.stop_reason for trunk in document.trunks] == ["natural", "natural", "load", "load"]


# --- loops and patterns ----------------------------------------------------------------------------------------------


async def test_a_trunk_that_loops_ends_alone_and_what_it_leaves_is_not_spent():
    engine, reasoner = many([STEADY, "a;" + LOOP, STEADY, STEADY])
    document = await reasoner.submit(asked(budget=400, stop_when={"loop": True})).wait()
    # "; ; ; " is a loop too; each is closed by itself.
    assert {trunk.stop_reason for trunk in document.trunks} == {"loop"}
    assert (document.status, document.stop_reason) == ("completed", "loop")
    assert document.trunks[1].thinking == "a;" + LOOP[: 3 * 3 + 16]
    check(document, engine)


async def test_a_loop_is_not_among_the_first_that_are_done_but_a_match_is():
    thoughts = [LOOP, "one; two; done" + " " * 80, "x" * 30 + "abcdefghij" * 20, "y; so it is done" + " " * 80]
    _, reasoner = many(thoughts)
    rules = {"stop_when": {"loop": True, "match": "done"}, "first": 2}
    document = await reasoner.submit(asked(budget=400, **rules)).wait()
    assert document.stop_reason == "first"
    ends = [trunk.stop_reason for trunk in document.trunks]
    assert (ends[0], ends[1], ends[3]) == ("loop", "match", "match")
    assert {ballot.trunk for ballot in document.checkpoints[-1].ballots} == {1, 3}


async def test_an_extension_lets_a_loop_go_on():
    _, reasoner = many([LOOP] * 4)
    session = reasoner.submit(asked(budget=400, stop_when={"loop": True}))
    first = await session.wait()
    assert spent_by(first) == [25] * 4
    reasoner.extend(session.id, 20, relative=True)
    document = await session.wait()
    assert (document.stop_reason, spent_by(document)) == ("budget", [30] * 4)


# --- clients and error rates -----------------------------------------------------------------------------------------


async def test_every_request_of_every_trunk_is_its_clients_and_only_the_first_of_a_trunk_queues():
    loaded = Loaded([STEADY] * 4, slots=5)
    document = await loaded.submit(client="one", budget=80, checkpoints=[5]).wait()
    assert (document.status, document.budget.spent) == ("completed", 80)
    requests = loaded.engine.requests
    assert {request.client for request in requests} == {"one"}
    thinking = [request for request in requests if request.role != "branch"]
    assert [request.role for request in thinking] == ["trunk"] * 4 + ["rest"]
    assert sum(request.role == "branch" for request in requests) == 4 + 4, "at 5 tokens, and at the end"


async def test_an_error_rate_is_refused_that_was_calibrated_on_one_trunk():
    _, reasoner = many(calibration=CALIBRATION)
    with pytest.raises(InvalidRequest, match=r"trunks 4 \(the file: 1\)") as refused:
        reasoner.submit(asked(stop_when={"risk": 0.05}))
    assert refused.value.param == "stop_when.risk"


VOTES = replace(
    CALIBRATION,
    conditions=replace(
        CALIBRATION.conditions, temperature=1.0, interim_temperature=1.0, trunks=4, budget=240, checkpoints=(10, 20, 30)
    ),
    risk=Side(Signal.DONE, (1.5,) * 99),
)
"""Made with four trunks: sure once two that are done agree, or one is with more than half of the weight sure of it."""


async def test_an_error_rate_goes_by_the_votes_of_as_many_trunks_as_it_was_calibrated_with():
    engine, reasoner = many([";;; " + "x" * 11, ";;;" + " " * 300, ";;;" + " " * 300, "x" * 300], calibration=VOTES)
    rate = {"stop_when": {"risk": 0.05}, "seed": SEED, "temperature": 1.0}
    document = await reasoner.submit(ask(**rate)).wait()
    assert (document.stop_reason, document.budget.requested, len(document.trunks)) == ("risk", 240, 4)
    assert [vote.at for vote in document.checkpoints] == [10, 20], "the first trunk is done after 15 tokens"
    check(document, engine)
    with pytest.raises(InvalidRequest, match=r"trunks 2 \(the file: 4\)"):
        reasoner.submit(ask(**rate, trunks=2))


@pytest.mark.parametrize(("field", "value"), [("prune", True), ("first", 2)])
async def test_a_rate_is_refused_where_not_all_trunks_think_to_their_end(field, value):
    _, reasoner = many(calibration=VOTES)
    for trunks in ({}, {"trunks": 4}):
        with pytest.raises(InvalidRequest, match=rf"{field} {value} \(the file: none\)") as refused:
            reasoner.plan(ask(stop_when={"risk": 0.05}, **trunks, **{field: value}))
        assert refused.value.param == "stop_when.risk"


async def test_the_trunks_of_a_calibration_may_also_stop_by_consensus():
    rules = {"stop_when": {"risk": 0.05, "consensus": 0.75}, "temperature": 1.0}
    plan = many(calibration=VOTES)[1].plan(ask(**rules))
    assert (plan.trunks, plan.stopping.consensus, plan.stopping.calibrated is not None) == (4, 0.75, True)
    with pytest.raises(InvalidRequest, match="one trunk always agrees with itself") as refused:
        many(calibration=CALIBRATION)[1].plan(ask(**rules))
    assert refused.value.param == "stop_when.consensus"
    with pytest.raises(InvalidRequest, match="no calibration"):
        many()[1].plan(ask(stop_when={"risk": 0.05}, prune=True))


async def test_an_operators_rate_by_votes_is_for_requests_with_as_many_trunks():
    _, reasoner = many(calibration=VOTES, defaults=RequestDefaults(stop_when=StopWhen(risk=0.05)))
    asked_for = reasoner.plan(ask(trunks=4, temperature=1.0))
    assert (asked_for.requested, asked_for.stopping.calibrated is not None) == (240, True)
    others = [{}, {"trunks": 2}, {"max_completion_tokens": 9}, {"trunks": 4, "prune": True}, {"trunks": 4, "first": 1}]
    for fields in (*others, {"trunks": 4, "min_budget": 61}):
        plan = reasoner.plan(ask(**fields, temperature=1.0))
        assert (plan.trunks, plan.stopping.calibrated) == (fields.get("trunks", 1), None)
        assert plan.requested == reasoner.settings.default_budget


async def test_an_operators_rate_gives_way_to_several_trunks():
    defaults = RequestDefaults(stop_when=StopWhen(risk=0.05))
    _, reasoner = many([STEADY] * 4, calibration=CALIBRATION, defaults=defaults)
    document = await reasoner.submit(asked(budget=40)).wait()
    assert (document.stop_reason, document.budget.spent) == ("budget", 40)


# --- all of it -------------------------------------------------------------------------------------------------------

REQUESTS = st.fixed_dictionaries(
    {
        "budget": st.integers(4, 150),
        "trunks": st.integers(2, 4),
        "checkpoints": st.sampled_from([[], [0], {"every": 3}, {"count": 3}]),
        "answer": st.sampled_from(["full", "short"]),
        "interim": st.sampled_from([{}, {"samples": 3}]),
        "prune": st.booleans(),
        "first": st.sampled_from([None, None, 1, 2]),
        "stop_when": st.sampled_from(
            [None, {"consensus": 0.6, "loop": True}, {"loop": True}, {"match": "d|y"}, {"stable": 3, "match": "e"}]
        ),
        "deadline_ms": st.sampled_from([None, None, 1, 60_000]),
    }
)
THINKING = st.lists(st.sampled_from(["", "; x", "a; b; c; d; e; f", STEADY, LOOP, " " * 60]), min_size=4, max_size=4)
KINDS = ["press", "crush", "relieve", "relieve", "answer_now", "more", "extend"]
STEPS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(KINDS)), max_size=6)


@settings(max_examples=examples(40))
@example(  # a leg that begins and ends between two events
    request={"budget": 55, "trunks": 3, "first": 1, "checkpoints": {"count": 3}},
    thoughts=[STEADY, " " * 60, LOOP, ""],
    steps=[(31, "crush"), (31, "more")],
    slots=3,
    cut=0.93,
)
@given(request=REQUESTS, thoughts=THINKING, steps=STEPS, slots=st.sampled_from([3, 1000]), cut=st.floats(0, 1))
def test_whatever_comes_together_budgets_stay_exact_and_a_log_tells_its_session(request, thoughts, steps, slots, cut):
    asyncio.run(law(request, thoughts, steps, slots, cut))


async def law(request, thoughts, steps, slots, cut):
    shelf = Shelf()
    loaded = Loaded(thoughts, shelf, slots=slots, flush_s=0.0)
    shelf.watch(loaded.reasoner)
    session = loaded.submit("one", **request)
    by_load = {"press": loaded.press, "crush": lambda: loaded.press(40), "relieve": loaded.relieve}
    document = await steer(loaded.reasoner, session, steps, **by_load)
    assert document.status == "completed"
    assert all(then.budget.spent <= then.budget.granted for then, _ in shelf.stands.values())
    assert not loaded.engine.active
    check(document, loaded.engine)
    if document.stop_reason == "load":
        assert document.budget.granted < document.budget.requested or "relieve" in {what for _, what in steps}
    events = await events_of(session)
    told = [event.budget for event in events if event.type in ("reason.created", "budget.changed")]
    assert (told[-1].granted, told[-1].requested) == (document.budget.granted, document.budget.requested)
    assert {request.client for request in loaded.engine.requests} <= {"one"}

    stored = shelf.cut(session.id, cut)
    other = Loaded(thoughts, Shelf(), flush_s=0.0)
    if restored_as_it_was(other.reasoner, stored, shelf).has_ended:
        return
    last = (await gone_on_with(other.reasoner, stored)).document()
    assert last.status == "completed"
    assert last.budget.spent == sum(spent_by(last)) <= last.budget.granted
    assert not other.engine.active
