"""How a bound on all tokens together is shared out."""

from dataclasses import replace

import pytest

from anytime_server.reasoning import Reasoner
from fakes import MARKERS, FakeEngine, fake_format, scripted
from reasoning.conftest import ask


def reasoner_with(closing):
    engine = FakeEngine(scripted("", ""))
    return Reasoner(engine, fake_format(engine, replace(MARKERS, closing=closing)))


@pytest.mark.parametrize("bound", [1, 2, 5, 16, 20])
@pytest.mark.parametrize("answer", ["full", "short"])
def test_a_bound_too_small_for_the_closing_sentence_closes_with_the_bare_marker(bound, answer):
    reasoner = reasoner_with("Time is up: I answer now.")
    plan = reasoner.plan(ask(max_completion_tokens=bound, answer=answer))
    assert plan.format.closing_ids == reasoner.format.close_ids
    forced = len(plan.format.closing_ids) + (len(plan.format.cue_ids) if answer == "short" else 0)
    assert plan.max_answer_tokens == max(1, bound - forced - plan.granted)
    assert plan.max_total_tokens == max(bound, forced + 1)


def test_a_bound_that_holds_the_closing_sentence_keeps_it():
    reasoner = reasoner_with("Time is up.")
    plan = reasoner.plan(ask(max_completion_tokens=60))
    assert plan.format.closing_ids == reasoner.format.closing_ids
