"""Requests with an error rate: what a calibration fills in, what it refuses, and how their sessions end."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_client.protocol import CheckpointRule, StopWhen
from anytime_server.controller import CalibrationError
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import RequestDefaults
from anytime_server.reasoning.plans.calibrated import check_calibration, check_default_rates
from anytime_server.reasoning.sessions.stored.head import Head
from fakes import MARKERS
from reasoning.calibration import CALIBRATION, CONDITIONS
from reasoning.conftest import ask
from reasoning.shelf import Shelf, gone_on_with, reasoner_over
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")

STEADY = "a; " + "x" * 400
"""The interim answer is 1 from the first checkpoint on, so it passes 2.5 at the second one."""

RESTLESS = "a; " * 100
"""It changes at every checkpoint, so it passes 29.5 tokens for each that it has stood at 30."""


async def ended(make, thinking, request, **options):
    options = {"pause_s": 0.0005, "calibration": CALIBRATION, **options}
    return await make(thinking, **options)[1].submit(request).wait()


async def test_a_rate_is_all_that_a_request_needs_to_say(make):
    document = await ended(make, STEADY, ask(stop_when={"risk": 0.05}))
    assert document.stop_reason == "risk"
    assert document.budget.requested == 60
    assert document.budget.spent < 40
    assert [point.at for point in document.checkpoints][:2] == [10, 20]


async def test_hopeless_thinking_is_given_up(make):
    document = await ended(make, RESTLESS, ask(stop_when="give_up:0.05"))
    assert (document.stop_reason, document.checkpoints[-1].stable_for) == ("give_up", 1)
    assert 30 <= document.budget.spent < 60
    assert (await ended(make, RESTLESS, ask(stop_when={"risk": 0.05}))).stop_reason == "budget"


async def test_of_several_rules_the_first_ends_it(make):
    both = {"stable": 4, "risk": 0.05, "give_up": 0.05}
    assert (await ended(make, STEADY, ask(stop_when=both))).stop_reason == "risk"
    assert (await ended(make, RESTLESS, ask(stop_when=both))).stop_reason == "give_up"
    sooner = {"confidence": 0.1, "risk": 0.05}
    assert (await ended(make, STEADY, ask(stop_when=sooner))).stop_reason == "stable"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"temperature": 0.7}, "temperature 0.7 (the file: 0.0)"),
        ({"budget": 50}, "budget 50 (the file: 60)"),
        ({"checkpoints": [10, 20]}, "checkpoints 10,20 (the file: 10,20,30,40,50)"),
        ({"checkpoints": []}, "checkpoints none"),
        ({"interim": {"max_tokens": 4}}, "interim.max_tokens 4 (the file: 8)"),
        ({"interim": {"samples": 3, "temperature": 0.5}}, "interim_samples 3 (the file: 1); interim_temperature 0.5"),
        ({"closing": "Stop."}, "closing 'Stop.'"),
        ({"cue": "So: "}, "cue 'So: '"),
    ],
)
def test_a_request_that_thinks_otherwise_is_refused_and_told_what_differs(make, fields, named):
    _, reasoner = make(calibration=CALIBRATION)
    with pytest.raises(InvalidRequest) as refused:
        reasoner.plan(ask(stop_when={"risk": 0.05}, **fields))
    assert named in refused.value.message
    assert refused.value.param == "stop_when.risk"


def test_what_the_calibration_was_made_with_may_be_named(make):
    _, reasoner = make(calibration=CALIBRATION)
    same = {"budget": 60, "checkpoints": {"every": 10}, "temperature": 0, "top_k": 20, "interim": {"max_tokens": 64}}
    plan = reasoner.plan(ask(stop_when={"risk": 0.05}, **same))
    assert plan.stopping.calibrated is not None
    assert plan.max_interim_tokens == 64


def test_a_server_that_grants_less_refuses_a_rate(make):
    _, reasoner = make(calibration=CALIBRATION, max_budget=40)
    with pytest.raises(InvalidRequest, match="budget 40"):
        reasoner.plan(ask(stop_when={"risk": 0.05}))


def test_a_rate_that_can_t_be_kept_is_refused_with_the_remedy(make):
    _, reasoner = make(calibration=CALIBRATION)
    with pytest.raises(InvalidRequest, match=r"400 problems vouch for rates from 0\.008 on") as refused:
        reasoner.plan(ask(stop_when={"give_up": 0.001}))
    assert refused.value.param == "stop_when.give_up"
    _, reasoner = make()
    with pytest.raises(InvalidRequest, match="start it with --calibration FILE"):
        reasoner.plan(ask(stop_when={"risk": 0.05}))


def test_the_operators_rate_gives_way_to_what_a_request_asks(make):
    defaults = RequestDefaults(stop_when=StopWhen(risk=0.05, stable=9), checkpoints=CheckpointRule(every=7))
    _, reasoner = make(calibration=CALIBRATION, defaults=defaults, default_budget=99)
    unsaid = reasoner.plan(ask())
    assert (unsaid.requested, unsaid.schedule(60).at) == (60, CONDITIONS.checkpoints)
    assert unsaid.stopping.calibrated is not None
    for fields in ({"budget": 50}, {"temperature": 1.0}, {"checkpoints": [5]}, {"cue": "So: "}):
        other = reasoner.plan(ask(**fields))
        assert (other.stopping.calibrated, other.stopping.stable) == (None, 9)
    assert reasoner.plan(ask(budget=50)).schedule(50).at == tuple(range(7, 50, 7))
    assert reasoner.plan(ask(stop_when=None)).requested == 99


def test_a_calibration_for_another_model_or_format_is_refused_at_the_start():
    check_calibration(CALIBRATION, ("fake-model",), MARKERS)
    check_calibration(CALIBRATION, ("served", "fake-model"), MARKERS)
    with pytest.raises(CalibrationError, match=r"model 'other' \(the file: 'fake-model'\)"):
        check_calibration(CALIBRATION, ("other",), MARKERS)
    with pytest.raises(CalibrationError, match=r"cue 'So:' \(the file: '\\nAnswer:'\)"):
        check_calibration(CALIBRATION, ("fake-model",), replace(MARKERS, cue="So:"))


def test_an_operators_rate_without_a_calibration_is_refused_at_the_start():
    with pytest.raises(CalibrationError, match="need --calibration FILE"):
        check_default_rates(StopWhen(risk=0.05), None)
    with pytest.raises(CalibrationError, match="vouch for rates"):
        check_default_rates(StopWhen(give_up=0.001), CALIBRATION)
    check_default_rates(StopWhen(stable=3), None)


def test_a_session_is_taken_over_with_its_thresholds_where_there_is_no_calibration(make):
    engine, reasoner = make(calibration=CALIBRATION)
    plan = reasoner.plan(ask(stop_when={"risk": 0.05, "give_up": 0.05}))
    head = Head.model_validate_json(Head.of(plan, 0.0).stored())
    restored = head.plan(engine, reasoner.format, frozenset())
    assert (restored.request, restored.stopping) == (plan.request, plan.stopping)


STEERING = st.sampled_from([None, "answer_now", "extend"])


@settings(max_examples=examples(40))
@given(
    thinking=st.sampled_from([STEADY, RESTLESS, "a; b", ""]),
    rules=st.sampled_from([{"risk": 0.05}, {"give_up": 0.05}, {"risk": 0.1, "give_up": 0.02, "stable": 5}]),
    answer=st.sampled_from(["full", "short"]),
    steering=STEERING,
    cut=st.floats(0, 1),
)
def test_with_an_error_rate_budgets_tokens_and_restores_hold(thinking, rules, answer, steering, cut):
    async def law():
        shelf = Shelf()
        engine, reasoner = reasoner_over(shelf, thinking, "There are 4.\nAnswer: 4", calibration=CALIBRATION)
        session = reasoner.submit(ask(stop_when=rules, answer=answer))
        for _ in range(20):
            await asyncio.sleep(0)
        if steering == "answer_now":
            session.answer_now()
        elif steering == "extend" and session.would_raise(session.granted + 20):
            reasoner.extend(session.id, 20, relative=True, key="k")
        document = await session.wait()
        budget, usage = document.budget, document.usage
        assert budget.spent <= budget.granted
        assert document.stop_reason != "budget" or budget.spent == budget.granted
        spent = usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded
        assert spent == engine.generated
        assert not engine.active
        if steering == "answer_now":
            return
        _, other = reasoner_over(Shelf(), thinking, "There are 4.\nAnswer: 4")
        other._store.heads = shelf.heads
        stored = shelf.cut(session.id, cut)
        restored = other._sessions.restore(stored)
        if not restored.has_ended:
            restored = await gone_on_with(other, stored)
        if steering is None:  # where it is closed depends on when the interim answer came, but not by which rule
            assert restored.document().stop_reason == document.stop_reason

    asyncio.run(law())
