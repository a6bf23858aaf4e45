"""A session restored from its log is the session that wrote it, wherever the log is cut."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from anytime_client.protocol import EVENT_ADAPTER, CheckpointRule, InterimOptions, StopWhen
from anytime_server.reasoning import Reasoner, ReasonSettings, RequestDefaults
from anytime_server.reasoning.sessions.stored.head import Head
from fakes import LONG_MARKERS, MARKERS, FakeEngine, fake_format, scripted
from reasoning.conftest import ask, told
from reasoning.shelf import Shelf, events_in, gone_on_with, reasoner_over, restored_as_it_was
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")

REQUESTS = (
    st.fixed_dictionaries(
        {
            "budget": st.sampled_from([0, 1, 5, 12, 200]),
            "checkpoints": st.sampled_from([[], [0], [1], {"every": 4}, {"count": 3}]),
            "answer": st.sampled_from(["full", "short"]),
            "min_budget": st.sampled_from([0, 0, 3]),
            "logprobs": st.booleans(),
            "max_answer_tokens": st.sampled_from([None, None, 2]),
            "stop": st.sampled_from([[], ["4"], ["é"]]),
            "stop_when": st.sampled_from([None, None, {"loop": True}, {"match": "e|; b"}]),
        }
    )
    .filter(lambda request: request["min_budget"] <= request["budget"])
    .map(
        lambda request: {
            **request,
            "checkpoints": [at for at in request["checkpoints"] if at <= request["budget"]]
            if isinstance(request["checkpoints"], list)
            else request["checkpoints"],
        }
    )
)
THINKINGS = st.sampled_from(["", "a=1; b=2; c=3; d=4; done", "é; ü; 日本; ", "x [/en; [/e [", "; " * 20])
ANSWERS = st.sampled_from(["There are 4.\nAnswer: 4", "", "déjà vu " * 20, "no ] [/end] yes"])
STEERING = st.sampled_from([None, "answer_now", "extend", "cancel", "extend the ended", "extend the cancelled"])


async def steered(reasoner, request, steering):
    """Run a session to its end, steered on the way."""
    session = reasoner.submit(ask(**request))
    if steering is not None:
        for _ in range(7):
            await asyncio.sleep(0)
        if steering == "answer_now":
            session.answer_now()
        elif steering == "extend" and session.would_raise(session.granted + 4):
            reasoner.extend(session.id, 4, relative=True, key="k")
        elif steering in ("cancel", "extend the cancelled"):
            session.cancel()
    await session.wait()
    if steering in ("extend the ended", "extend the cancelled"):
        reasoner.extend(session.id, 9, relative=True, key="k")
        await session.wait()
    return session


@settings(max_examples=examples(60))
@given(
    request=REQUESTS,
    thinking=THINKINGS,
    answer=ANSWERS,
    steering=STEERING,
    markers=st.sampled_from([MARKERS, LONG_MARKERS]),
    flush_s=st.sampled_from([0.0, 0.05]),
    cut=st.floats(0, 1),
)
def test_a_restored_session_is_the_one_that_wrote_the_log(request, thinking, answer, steering, markers, flush_s, cut):
    async def law():
        shelf = Shelf()
        _, reasoner = reasoner_over(shelf, thinking, answer, markers, flush_s=flush_s)
        shelf.watch(reasoner)
        session = await steered(reasoner, request, steering)
        stored = shelf.cut(session.id, cut)
        engine, other = reasoner_over(Shelf(), thinking, answer, markers, flush_s=flush_s)
        other._store.heads = shelf.heads
        restored = restored_as_it_was(other, stored, shelf)
        assert restored.extensions == {
            key: asked for key, asked in session.extensions.items() if key in restored.extensions
        }
        if restored.has_ended:
            return
        went_on = await gone_on_with(other, stored)
        assert not engine.active
        events = events_in(went_on.log)
        assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
        assert went_on.log.entries()[: len(stored.entries)] == list(stored.entries)
        if steering not in ("answer_now", "cancel", "extend", "extend the cancelled"):
            undisturbed = events_in(session.log)
            if steering is None or len(stored.entries) > _first_end(undisturbed):
                assert told(events) == told(undisturbed)

    asyncio.run(law())


def _first_end(events):
    return next(event.sequence_number for event in events if event.type.startswith("reason.comp"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"stop_when": StopWhen(stable=9, consensus=0.8), "deadline_ms": 9000}, {"interim": {"max_tokens": 9}}),
        ({"checkpoints": CheckpointRule(every=7), "interim": InterimOptions(samples=3, temperature=0.7)}, {}),
        ({"checkpoints": CheckpointRule(every=7), "stop_when": StopWhen(stable=9)}, {"checkpoints": [1, 2]}),
        ({"stop_when": StopWhen(stable=9)}, {"stop_when": None}),
    ],
)
def test_what_the_server_filled_in_goes_with_a_session(options, named):
    engine, reasoner = reasoner_over(Shelf(), "a", "4", defaults=RequestDefaults(**options))
    plan = reasoner.plan(ask(budget=60, **named))
    head = Head.model_validate_json(Head.of(plan, 0.0).stored())
    restored = head.plan(engine, reasoner.format, reasoner._sessions.sentence_ends)
    assert restored == plan
    assert restored.request.model_fields_set == plan.request.model_fields_set


def test_a_field_that_another_build_does_not_know_keeps_nobody_from_a_session_that_does_not_use_it():
    class Newer(Head):
        novelty: str | None = None

    engine, reasoner = reasoner_over(Shelf(), "a", "4")
    plan = reasoner.plan(ask(budget=60))
    newer = Newer.of(plan, 0.0)
    restored = Head.model_validate_json(newer.stored())
    assert restored.plan(engine, reasoner.format, reasoner._sessions.sentence_ends) == plan
    assert Newer.model_validate_json(Head.of(plan, 0.0).stored()) == newer
    with pytest.raises(ValidationError, match="novelty"):
        Head.model_validate_json(newer.model_copy(update={"novelty": "used"}).stored())


async def test_readers_are_told_that_another_server_goes_on():
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, "a=1; b=2", "2")
    session = await steered(reasoner, {"budget": 6, "checkpoints": []}, None)
    cut = next(e.sequence_number for e in events_in(session.log) if e.type == "thinking.delta")
    _, other = reasoner_over(Shelf(), "a=1; b=2", "2")
    events = events_in((await gone_on_with(other, shelf.stored(session.id, cut))).log)
    assert [event.type for event in events[cut : cut + 1]] == ["reason.resumed"]
    assert events[cut].cause == "server"
    assert events[cut].downtime_ms >= 0


async def test_a_log_of_another_version_ends_with_what_it_told_and_says_why():
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, "a=1; b=2", "2")
    session = await steered(reasoner, {"budget": 6, "checkpoints": [2]}, None)
    stored = shelf.stored(session.id, len(session.log) - 2)
    strange = [replace(entry, steps='{"at": 1, "steps": [["dance"]]}') for entry in stored.entries]
    _, other = reasoner_over(Shelf(), "a=1; b=2", "2")
    other._sessions.take_over(replace(stored, entries=tuple(strange)))
    events = events_in(other._store.logs[session.id])
    assert events[-1].type == "reason.failed"
    assert "restored" in events[-1].document.error.message
    assert events[-1].document.answer.value == "0"
    assert events[-1].document.last_sequence_number == len(events)


@pytest.mark.parametrize("readable", [0, 2])
async def test_a_log_that_can_not_be_read_ends_with_what_it_told_before(readable):
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, "a=1; b=2", "2")
    session = await steered(reasoner, {"budget": 6, "checkpoints": []}, None)
    stored = shelf.stored(session.id, len(session.log) - 1)
    entries = list(stored.entries)
    entries[readable] = replace(entries[readable], data='{"type": "dance"}')
    _, other = reasoner_over(Shelf(), "a=1; b=2", "2")
    other._sessions.take_over(replace(stored, entries=tuple(entries)))
    log = other._store.logs[session.id]
    document = EVENT_ADAPTER.validate_json(log.entries()[-1].data).document
    assert log.closed
    assert (document.id, document.model, document.status) == (session.id, "fake-model", "failed")
    assert "restored" in document.error.message
    assert document.thinking == ("a" if readable else "")
    assert document.last_sequence_number == len(log)


@pytest.mark.parametrize("length", [1, 3])
async def test_a_deadline_that_passed_while_no_server_ran_the_session_ends_it(length):
    shelf = Shelf()
    _, reasoner = reasoner_over(shelf, "a=1; b=2; c=3; d=4", "4")
    session = reasoner.submit(ask(budget=100, checkpoints=[4], deadline_ms=60_000))
    await session.wait()
    stored = shelf.stored(session.id, length)
    _, other = reasoner_over(Shelf(), "a=1; b=2; c=3; d=4", "4")
    fields = json.loads(stored.head)
    head = json.dumps({**fields, "began_at": fields["began_at"] - 3600})
    document = (await gone_on_with(other, replace(stored, head=head))).document()
    assert (document.status, document.stop_reason) == ("completed", "deadline")
    assert document.answer.text


class Certain(FakeEngine):
    """Tells minus infinity, as an engine does of a token that its grammar had ruled out."""

    async def _generate(self, request):
        async for chunk in super()._generate(request):
            yield replace(chunk, logprobs=(float("-inf"),) * len(chunk.logprobs))


async def test_a_logprob_of_minus_infinity_is_restored():
    shelf = Shelf()
    engine = Certain(scripted("a=1; b=2", "2 of them"))
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings(flush_s=0.0), None, shelf)
    session = await steered(reasoner, {"budget": 100, "checkpoints": []}, None)
    stored = shelf.stored(session.id, len(session.log) - 1)
    _, other = reasoner_over(Shelf(), "a=1; b=2", "2 of them")
    document = (await gone_on_with(other, stored)).document()
    assert (document.status, document.answer.text) == ("completed", "2 of them")
    assert document.answer.confidence < 0.2


class SlowShelf(Shelf):
    """Acknowledges what it is given only when it is told to."""

    def grown(self, session_id):
        pass

    def acknowledge(self, session_id):
        Shelf.grown(self, session_id)


async def test_a_document_is_shown_once_its_text_is_durable():
    shelf = SlowShelf()
    engine, reasoner = reasoner_over(shelf, "a=1; b=2", "2", flush_s=0.0)
    session = reasoner.submit(ask(budget=6, checkpoints=[]))
    while len(session.log) < 3:
        await asyncio.sleep(0)
    engine.gate.clear()
    asked = asyncio.ensure_future(reasoner.here(session).document())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not asked.done()
    shelf.acknowledge(session.id)
    assert (await asked).thinking
    engine.gate.set()
    while not session.has_ended:
        await asyncio.sleep(0)
    shelf.acknowledge(session.id)
    assert (await session.wait()).status == "completed"
