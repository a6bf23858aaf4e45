import asyncio

import pytest

from anytime_client.protocol import Budget
from anytime_server.errors import Conflict
from reasoning.conftest import ANSWER, THINKING, ask, events_of, until_spent


def answer_after_the_last_change(events):
    answer = ""
    for event in events:
        if event.type == "budget.changed":
            answer = ""
        elif event.type == "answer.delta":
            answer += event.delta
    return answer


async def test_raising_the_budget_of_a_running_session_leaves_no_gap_in_the_trunk(make):
    _, reasoner = make(thinking="0123456789" * 30, pause_s=0.001)
    session = reasoner.submit(ask(budget=50, checkpoints=[]))
    await until_spent(session, 20)
    reasoner.extend(session.id, 100, relative=True)
    document = await session.wait()
    assert document.thinking == ("0123456789" * 30)[:150]
    assert document.budget == Budget(requested=150, granted=150, spent=150)


async def test_an_ended_session_thinks_on_from_its_trunk(make):
    engine, reasoner = make()
    session = reasoner.submit(ask(budget=8, checkpoints=[4]))
    await session.wait()
    reasoner.extend(session.id, 8, relative=True)
    document = await session.wait()
    assert (document.thinking, document.budget.spent) == (THINKING[:16], 16)
    assert engine.requests[-1].thinking.trunk_ids == tuple(THINKING[:8].encode())
    events = await events_of(session)
    terminals = [event.sequence_number for event in events if event.type == "reason.completed"]
    assert len(terminals) == 2
    assert events[terminals[0]].type == "budget.changed"
    assert terminals[-1] == len(events)


async def test_thinking_that_ended_by_itself_goes_on_at_least_one_token_when_extended(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=100, checkpoints=[]))
    first = await session.wait()
    reasoner.extend(session.id, 50, relative=True)
    document = await session.wait()
    assert document.budget.spent == first.budget.spent + 1
    assert document.stop_reason == "natural"


async def test_a_budget_raised_during_the_answer_thinks_on_and_answers_anew(make):
    # The first words of an answer after a cut are held back, so it has some more.
    answer = "There are four of them, one after the other, as I have counted very carefully.\nAnswer: 4"
    _, reasoner = make(answer=answer, pause_s=0.001)
    session = reasoner.submit(ask(budget=8, checkpoints=[]))
    async for entry in session.log.read():
        if entry.type == "answer.delta":
            session.raise_budget(16)
            break
    document = await session.wait()
    assert document.thinking == THINKING[:16]
    assert document.answer.text == answer
    assert document.usage.discarded > 0
    assert answer_after_the_last_change(await events_of(session)) == answer


async def test_a_budget_raised_at_any_moment_is_never_lost(make):
    engine, reasoner = make()
    for moment in range(120):
        session = reasoner.submit(ask(budget=8, checkpoints=[4]))
        for _ in range(moment):
            await asyncio.sleep(0)
        reasoner.extend(session.id, 16, relative=False)
        document = await session.wait()
        assert (document.budget.spent, document.thinking) == (16, THINKING[:16]), moment
        assert document.answer.text == ANSWER
        assert answer_after_the_last_change(await events_of(session)) == ANSWER, moment
    assert engine.active == set()
    assert reasoner.in_flight == 0


async def test_an_extension_is_safe_to_send_again(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=8))
    await session.wait()
    for _ in range(3):
        reasoner.extend(session.id, 4, relative=True, key="once")
        reasoner.extend(session.id, 12, relative=False)
    assert (await session.wait()).budget.granted == 12
    assert session.runs == 2


async def test_a_budget_can_not_shrink(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=8))
    with pytest.raises(Conflict, match="granted already"):
        session.raise_budget(4)


async def test_an_extension_beyond_the_context_grants_what_fits_and_then_refuses(make):
    _, reasoner = make(thinking="x" * 1000, max_model_len=200)
    session = reasoner.submit(ask(budget=8, max_answer_tokens=30))
    await session.wait()
    for _ in range(2):
        reasoner.extend(session.id, 5000, relative=False)
        granted = (await session.wait()).budget.granted
        assert 8 < granted < 200
    with pytest.raises(Conflict, match="no room"):
        reasoner.extend(session.id, 1, relative=True)


async def test_a_cancelled_session_can_think_on(make):
    _, reasoner = make(pause_s=0.001)
    session = reasoner.submit(ask(budget=20, checkpoints=[]))
    await until_spent(session, 5)
    session.cancel()
    await session.wait()
    reasoner.extend(session.id, 24, relative=False)
    document = await session.wait()
    assert (document.status, document.thinking) == ("completed", THINKING)


async def test_more_is_more_than_was_spent_once_the_thinking_was_cut_short(make):
    _, reasoner = make(thinking="x" * 500, pause_s=0.001)
    session = reasoner.submit(ask(budget=400, checkpoints=[]))
    await until_spent(session, 20)
    session.answer_now()
    spent = (await session.wait()).budget.spent
    reasoner.extend(session.id, 30, relative=True)
    document = await session.wait()
    assert (document.budget.spent, document.stop_reason) == (spent + 30, "budget")


async def test_an_interrupted_session_can_spend_the_rest_of_its_grant(make):
    _, reasoner = make(pause_s=0.001)
    session = reasoner.submit(ask(budget=20, checkpoints=[]))
    await until_spent(session, 5)
    session.cancel()
    await session.wait()
    reasoner.extend(session.id, 20, relative=False)
    document = await session.wait()
    assert (document.status, document.budget.spent) == ("completed", 20)


async def test_a_session_that_is_being_cancelled_can_not_be_extended_until_it_has_ended(make):
    _, reasoner = make(pause_s=0.001)
    session = reasoner.submit(ask(budget=20, checkpoints=[]))
    await until_spent(session, 3)
    session.cancel()
    with pytest.raises(Conflict, match="being cancelled"):
        reasoner.extend(session.id, 60, relative=False)
    assert (await session.wait()).status == "cancelled"


async def test_an_idempotency_key_belongs_to_one_extension(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=8))
    await session.wait()
    reasoner.extend(session.id, 4, relative=True, key="k")
    with pytest.raises(Conflict, match="another extension"):
        reasoner.extend(session.id, 5, relative=True, key="k")
    await session.wait()


async def test_a_settled_answer_must_settle_anew_after_an_extension(make):
    _, reasoner = make(thinking="a; " + "x" * 400, pause_s=0.0005)
    session = reasoner.submit(ask(budget=300, checkpoints={"every": 10}, stop_when={"stable": 3}))
    first = await session.wait()
    reasoner.extend(session.id, 200, relative=True)
    second = await session.wait()
    assert second.budget.spent >= first.budget.spent + 20
    fresh = second.checkpoints[len(first.checkpoints)]
    assert fresh.stable_for == 1


async def test_an_answer_is_not_lost_when_the_extension_is_cancelled(make):
    engine, reasoner = make()
    session = reasoner.submit(ask(budget=8, checkpoints=[]))
    before = (await session.wait()).answer
    engine.gate.clear()
    reasoner.extend(session.id, 8, relative=True)
    await asyncio.sleep(0)
    session.cancel()
    document = await session.wait()
    assert (document.status, document.answer) == ("cancelled", before)


async def test_retries_that_change_nothing_leave_nothing_behind(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=8, checkpoints=[]))
    await session.wait()
    for key in ("one", "two"):
        reasoner.extend(session.id, 8, relative=False, key=key)
    assert not session.extensions


async def ended(make, how):
    """Return a reasoner, and a session of its that has ended in some way."""
    thinking = "x" * 20 if how == "natural" else "a; " * 200
    _, reasoner = make(thinking=thinking, pause_s=0.001)
    rule = {"stop_when": {"stable": 2}, "checkpoints": [5, 6]} if how == "stable" else {"checkpoints": []}
    session = reasoner.submit(ask(budget=20 if how == "budget" else 60, **rule))
    if how in ("answer_now", "cancelled"):
        await until_spent(session, 10)
        session.answer_now() if how == "answer_now" else session.cancel()
    await session.wait()
    return reasoner, session


@pytest.mark.parametrize("how", ["natural", "budget", "answer_now", "stable", "cancelled"])
@pytest.mark.parametrize("beyond_the_grant", [-3, 0, 3])
async def test_more_always_thinks_on_whatever_was_granted_before(make, how, beyond_the_grant):
    reasoner, session = await ended(make, how)
    before = session.document()
    more = max(1, before.budget.granted - before.budget.spent + beyond_the_grant)
    reasoner.extend(session.id, more, relative=True)
    document = await session.wait()
    assert document.last_sequence_number > before.last_sequence_number
    assert before.budget.spent < document.budget.spent <= before.budget.spent + more
    assert document.budget.granted == before.budget.spent + more


@pytest.mark.parametrize(
    ("fields", "settings", "bound"),
    [
        ({"max_completion_tokens": 40}, {}, "max_completion_tokens of the request leaves no room"),
        ({"max_answer_tokens": 30}, {"max_budget": 8}, "the largest budget of this server leaves no room"),
        ({"max_answer_tokens": 30}, {}, "the context leaves no room"),
    ],
)
async def test_what_leaves_no_room_is_named(make, fields, settings, bound):
    _, reasoner = make(thinking="x" * 1000, max_model_len=200, **settings)
    session = reasoner.submit(ask(budget=5000, **fields))
    await session.wait()
    with pytest.raises(Conflict, match=bound):
        reasoner.extend(session.id, 100, relative=True)


async def test_asking_for_more_again_and_again_thinks_on_each_time_until_the_context_is_full(make):
    _, reasoner = make(thinking="x" * 20, max_model_len=200)
    session = reasoner.submit(ask(budget=24, checkpoints=[], max_answer_tokens=40))
    spent = (await session.wait()).budget.spent
    with pytest.raises(Conflict, match="no room"):
        for _ in range(200):
            reasoner.extend(session.id, 4, relative=True)
            document = await session.wait()
            assert document.budget.spent > spent
            spent = document.budget.spent
    assert spent == document.budget.granted


async def test_more_that_the_grant_of_a_running_session_can_not_give_is_refused(make):
    _, reasoner = make(thinking="x" * 500, max_model_len=200, pause_s=0.001)
    session = reasoner.submit(ask(budget=5000, checkpoints=[]))
    asked = session.document().budget
    with pytest.raises(Conflict, match="no room"):
        reasoner.extend(session.id, asked.requested - asked.granted, relative=True)
    session.cancel()
    await session.wait()


@pytest.mark.parametrize("how", ["natural", "answer_now", "stable", "cancelled"])
async def test_the_same_total_lets_what_ended_early_spend_the_rest_of_its_grant(make, how):
    reasoner, session = await ended(make, how)
    before = session.document()
    reasoner.extend(session.id, before.budget.granted, relative=False)
    document = await session.wait()
    assert session.runs == 2
    assert before.budget.spent < document.budget.spent <= before.budget.granted == document.budget.granted
    assert document.budget.spent == before.budget.spent + 1 if how == "natural" else document.status == "completed"


@pytest.mark.parametrize("how", ["natural", "budget", "answer_now", "stable", "cancelled"])
async def test_a_total_below_the_grant_is_refused_whatever_is_spent_of_it(make, how):
    reasoner, session = await ended(make, how)
    before = session.document()
    granted = before.budget.granted
    with pytest.raises(Conflict, match=f"{granted} thinking tokens are granted already") as caught:
        reasoner.extend(session.id, granted - 1, relative=False)
    assert caught.value.param == "budget"
    assert session.document() == before


async def test_a_total_that_is_spent_or_under_way_is_safe_to_send_again(make):
    _, reasoner = make(thinking="x" * 500, pause_s=0.001)
    session = reasoner.submit(ask(budget=30, checkpoints=[]))
    await until_spent(session, 5)
    reasoner.extend(session.id, 30, relative=False)
    document = await session.wait()
    reasoner.extend(session.id, 30, relative=False)
    assert session.document() == document
    assert session.runs == 1
