"""A session with several trunks, restored from its log, is the one that wrote it, wherever the log is cut."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning.shelf import Shelf, events_in, gone_on_with, restored_as_it_was
from reasoning.trunks import REQUESTS, STEPS, THINKING, asked, many, steer
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")


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


@settings(max_examples=examples(30))
@given(request=REQUESTS, thoughts=THINKING, steps=STEPS, flush_s=st.sampled_from([0.0, 0.05]), cut=st.floats(0, 1))
def test_a_restored_session_is_the_one_that_wrote_the_log(request, thoughts, steps, flush_s, cut):
    asyncio.run(law(request, thoughts, steps, flush_s, cut))


async def law(request, thoughts, steps, flush_s, cut):
    shelf = Shelf()
    _, reasoner = many(thoughts, store=shelf, flush_s=flush_s)
    shelf.watch(reasoner)
    session = reasoner.submit(asked(**request))
    await steer(reasoner, session, steps)
    stored = shelf.cut(session.id, cut)
    engine, other = many(thoughts, store=Shelf(), flush_s=flush_s)
    if restored_as_it_was(other, stored, shelf).has_ended:
        return
    went_on = await gone_on_with(other, stored)
    assert not engine.active
    events = events_in(went_on.log)
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    assert went_on.log.entries()[: len(stored.entries)] == list(stored.entries)
    document = events[-1].document
    assert document.status == "completed"
    assert document.budget.spent == sum(trunk.spent for trunk in document.trunks) <= document.budget.granted
    # What is stopped on its way stops where it has come to by then.
    if not steps and request["first"] is None and request["stop_when"] is None and not request["prune"]:
        assert told(events) == told(events_in(session.log))


async def test_a_session_goes_on_after_any_of_its_events():
    thoughts = ["a=1; b=2; c=3; d=4; done", "one; two; three", "x; y", "; " * 9]
    shelf = Shelf()
    _, reasoner = many(thoughts, store=shelf, flush_s=0.0)
    session = reasoner.submit(asked(budget=60, trunks=4, checkpoints={"every": 5}))
    await session.wait()
    undisturbed = told(events_in(session.log))
    for length in range(1, len(session.log)):
        engine, other = many(thoughts, store=Shelf(), flush_s=0.0)
        went_on = await gone_on_with(other, shelf.stored(session.id, length))
        assert told(events_in(went_on.log)) == undisturbed, length
        assert not engine.active
