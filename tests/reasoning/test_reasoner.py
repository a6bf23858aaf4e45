import asyncio

import pytest

from anytime_server.errors import InvalidRequest, NotFound, Overloaded, Unavailable
from reasoning.conftest import ask


async def test_sessions_beyond_the_bound_are_refused_and_slots_come_back(make):
    engine, reasoner = make(max_sessions=2)
    engine.gate.clear()
    running = [reasoner.submit(ask()) for _ in range(2)]
    with pytest.raises(Overloaded) as refused:
        reasoner.submit(ask())
    assert refused.value.retry_after >= 1
    engine.gate.set()
    await asyncio.gather(*(session.wait() for session in running))
    await reasoner.submit(ask()).wait()


async def test_a_retried_extension_needs_no_slot(make):
    engine, reasoner = make(max_sessions=1)
    ended = reasoner.submit(ask(budget=4))
    await ended.wait()
    engine.gate.clear()
    running = reasoner.submit(ask())
    assert reasoner.extend(ended.id, 4, relative=False) is ended
    engine.gate.set()
    await running.wait()


async def test_too_many_checkpoints_are_refused(make):
    _, reasoner = make()
    with pytest.raises(InvalidRequest, match="space them out"):
        reasoner.submit(ask(budget=1000, checkpoints={"every": 1}))


async def test_a_kept_session_counts_its_tokens(make):
    _, reasoner = make()
    session = reasoner.submit(ask(prompt="x" * 2000, budget=2))
    await session.wait()
    assert session.size_bytes > 2000 * 40


async def test_an_extension_needs_a_slot_too(make):
    engine, reasoner = make(max_sessions=1)
    ended = reasoner.submit(ask(budget=4))
    await ended.wait()
    engine.gate.clear()
    running = reasoner.submit(ask())
    with pytest.raises(Overloaded):
        reasoner.extend(ended.id, 4, relative=True)
    assert ended.has_ended
    engine.gate.set()
    await running.wait()


async def test_ended_sessions_are_kept_while_there_is_room(make):
    _, reasoner = make(kept_sessions=2)
    sessions = [reasoner.submit(ask(budget=2)) for _ in range(3)]
    await asyncio.gather(*(session.wait() for session in sessions))
    with pytest.raises(NotFound, match="never was"):
        reasoner.get(sessions[0].id)
    assert reasoner.get(sessions[2].id) is sessions[2]


async def test_ended_sessions_make_room_for_their_bytes(make):
    _, reasoner = make(kept_bytes=1)
    session = reasoner.submit(ask(budget=2))
    await session.wait()
    with pytest.raises(NotFound):
        reasoner.get(session.id)


async def test_ended_sessions_expire(make):
    _, reasoner = make(ttl_s=100.0)
    now = 0.0
    reasoner._archive._clock = lambda: now
    session = reasoner.submit(ask(budget=2))
    await session.wait()
    now = 99.0
    assert reasoner.get(session.id) is session
    now = 101.0
    with pytest.raises(NotFound):
        reasoner.get(session.id)


async def test_draining_refuses_new_sessions_and_waits_for_those_in_flight(make):
    _, reasoner = make(pause_s=0.001)
    session = reasoner.submit(ask(budget=20))
    draining = asyncio.ensure_future(reasoner.drain(30))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        reasoner.submit(ask())
    await draining
    assert session.document().status == "completed"


async def test_draining_cancels_what_does_not_end_in_time(make):
    engine, reasoner = make()
    engine.gate.clear()
    session = reasoner.submit(ask())
    await reasoner.drain(0.01)
    assert session.document().status == "cancelled"
    assert engine.active == set()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": "x" * 500}, "prompt"),
        ({"budget": 10, "checkpoints": [20]}, "checkpoints"),
        ({"max_answer_tokens": 500}, "max_answer_tokens"),
        ({"interim": {"max_tokens": 500}}, "interim.max_tokens"),
        ({"interim": {"samples": 2}}, "interim.temperature"),
        ({"budget": 10, "min_budget": 11}, "min_budget"),
        ({"model": "other"}, "model"),
        ({"budget": 100, "closing": "x" * 400}, "closing"),
        ({"cue": "x" * 400}, "cue"),
        ({"closing": "ends<end>"}, "closing"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(make, fields, param):
    _, reasoner = make(max_model_len=300)
    with pytest.raises(InvalidRequest) as refused:
        reasoner.submit(ask(**fields))
    assert refused.value.param == param
    assert reasoner.in_flight == 0


async def test_what_the_engine_cannot_do_is_refused(make):
    engine, reasoner = make()
    engine.unsupported = {"seed": "draw twice alike: leave it out"}
    with pytest.raises(InvalidRequest, match="can't draw twice alike: leave it out"):
        reasoner.submit(ask(seed=1))


async def test_a_budget_past_the_context_is_granted_as_far_as_it_fits(make):
    engine, reasoner = make(thinking="x" * 1000, max_model_len=300)
    document = await reasoner.submit(ask(budget=5000, max_answer_tokens=40, checkpoints=[])).wait()
    assert document.budget.requested == 5000
    assert document.budget.spent == document.budget.granted < 300
    longest = max(len(request.input_ids) + request.max_tokens for request in engine.requests)
    assert longest <= 300


async def test_the_server_bounds_the_grant(make):
    _, reasoner = make(max_budget=6)
    document = await reasoner.submit(ask(budget=20)).wait()
    assert document.budget.model_dump() == {"requested": 20, "granted": 6, "spent": 6, "limited_by": "server"}


async def test_the_landing_window_cuts_at_a_sentence_end(make):
    _, reasoner = make(thinking="one. two. three. four.", landing=8)
    document = await reasoner.submit(ask(budget=15)).wait()
    assert document.thinking == "one. two."
    assert document.stop_reason == "budget"


async def test_a_short_answer_may_be_as_long_as_an_interim_one_unless_all_tokens_are_bounded(make):
    _, reasoner = make(max_model_len=200)
    short = {"answer": "short", "interim": {"max_tokens": 128}, "budget": 10}
    assert reasoner.plan(ask(**short)).max_answer_tokens == 128
    bounded = reasoner.plan(ask(**short, max_completion_tokens=100))
    assert bounded.max_answer_tokens < 100 - bounded.granted
    assert bounded.granted == 10
