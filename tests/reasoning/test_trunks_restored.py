"""A session with several trunks, restored from its log, is the one that wrote it, wherever the log is cut."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_server.reasoning import Reasoner, ReasonSettings, sessions
from fakes import FakeEngine, fake_format
from reasoning.test_restored import NoJudge, Shelf, comparable, events_of
from reasoning.test_trunks import REQUESTS, STEPS, THINKING, asked, steer, thinkers


@pytest.fixture(autouse=True, scope="module")
def no_judge():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "Judge", NoJudge)
        yield


def reasoner_over(shelf, thoughts, **options):
    engine = FakeEngine(thinkers(thoughts))
    return engine, Reasoner(engine, fake_format(engine), ReasonSettings(**options), None, shelf)


def grounded(standing):
    """Ballots in flight are due again."""
    trunks = []
    for trunk in standing["trunks"]:
        due, flying, *rest = trunk["interims"]
        trunks.append({**trunk, "interims": [sorted({*due, *flying}), [], *rest]})
    return {**standing, "trunks": trunks}


def told(events):
    """What a reader is told in the end, whatever was interrupted: texts and ends, and what came of the last vote."""
    last = events[-1].document
    ends = [(trunk.thinking, trunk.spent, trunk.stop_reason, trunk.value) for trunk in last.trunks]
    return (
        ends,
        last.status,
        last.stop_reason,
        last.answer,
        last.budget,
        last.checkpoints[-1:] and last.checkpoints[-1].value,
    )


@settings(max_examples=60, deadline=None)
@given(request=REQUESTS, thoughts=THINKING, steps=STEPS, flush_s=st.sampled_from([0.0, 0.05]), cut=st.floats(0, 1))
def test_a_restored_session_is_the_one_that_wrote_the_log(request, thoughts, steps, flush_s, cut):
    asyncio.run(law(request, thoughts, steps, flush_s, cut))


async def law(request, thoughts, steps, flush_s, cut):
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, thoughts, flush_s=flush_s)
    documents = {}

    def grown(session_id):
        Shelf.grown(shelf, session_id)
        log = shelf.logs[session_id]
        if session_id in reasoner._archive._running:
            session = reasoner.get(session_id)
            documents[len(log)] = (session.document(), session._generation.account.standing())

    shelf.grown = grown
    session = reasoner.submit(asked(**request))
    await steer(reasoner, session, steps)
    length = 1 + round(cut * (len(session.log) - 1))
    stored = shelf.stored(session.id, length)
    engine, other = reasoner_over(Shelf(), thoughts, flush_s=flush_s)
    restored = other._sessions.restore(stored)
    if length in documents:
        document, account = documents[length]
        assert comparable(restored.document()) == comparable(document)
        assert grounded(restored._generation.account.standing()) == grounded(account)
    if restored.has_ended:
        return
    other._sessions.take_over(stored)
    went_on = other.get(session.id)
    await went_on.wait()
    assert not engine.active
    events = await events_of(went_on.log)
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    assert went_on.log.entries()[:length] == list(stored.entries)
    document = events[-1].document
    assert document.status == "completed"
    assert document.budget.spent == sum(trunk.spent for trunk in document.trunks) <= document.budget.granted
    if not steps and request["first"] is None and request["stop_when"] is None:
        assert told(events) == told(await events_of(session.log))


async def test_a_session_goes_on_after_any_of_its_events():
    thoughts = ["a=1; b=2; c=3; d=4; done", "one; two; three", "x; y", "; " * 9]
    request = {"budget": 60, "trunks": 4, "checkpoints": {"every": 5}}
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, thoughts, flush_s=0.0)
    session = reasoner.submit(asked(**request))
    await session.wait()
    undisturbed = told(await events_of(session.log))
    for length in range(1, len(session.log)):
        engine, other = reasoner_over(Shelf(), thoughts, flush_s=0.0)
        other._sessions.take_over(shelf.stored(session.id, length))
        went_on = other.get(session.id)
        await went_on.wait()
        assert told(await events_of(went_on.log)) == undisturbed, length
        assert not engine.active
