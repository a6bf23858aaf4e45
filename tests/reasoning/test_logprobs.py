"""Logprobs are asked for where something reads them: on engines that they slow down the answer is asked for apart."""

import pytest

from anytime_server.engines import Sampling
from reasoning.conftest import THINKING, ask

APART_FROM = 8


@pytest.fixture
def make_slow(make):
    """Make an engine that logprobs slow down, and a reasoner over it."""

    def factory(**settings):
        engine, reasoner = make(**settings)
        engine.answer_apart_from = APART_FROM
        return engine, reasoner

    return factory


def asked(engine):
    return [request.logprobs for request in engine.requests]


async def test_thinking_goes_without_logprobs_and_the_answer_has_its_confidence(make_slow):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(budget=12, checkpoints=[])).wait()
    assert asked(engine) == [False, True]
    assert document.answer.confidence == pytest.approx(0.905, abs=1e-3)


async def test_interim_answers_are_always_asked_with_logprobs(make_slow):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(budget=12, checkpoints=[4])).wait()
    branches = [request for request in engine.requests if "@" in request.request_id]
    assert [request.logprobs for request in branches] == [True]
    assert document.checkpoints[0].confidence == pytest.approx(0.905, abs=1e-3)


@pytest.mark.parametrize(
    "fields", [{"budget": 0}, {"budget": APART_FROM - 1}, {"budget": 12, "logprobs": True, "top_logprobs": 2}]
)
async def test_short_thinking_and_a_request_that_wants_logprobs_have_one_request(make_slow, fields):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(checkpoints=[], **fields)).wait()
    assert asked(engine) == [True]
    assert document.answer.confidence < 1


async def test_an_engine_on_which_logprobs_cost_nothing_answers_in_the_request_that_thinks(make):
    engine, reasoner = make()
    await reasoner.submit(ask(budget=12, checkpoints=[])).wait()
    assert asked(engine) == [True]


@pytest.mark.parametrize("fields", [{"budget": 12}, {"budget": 500}, {"budget": 12, "answer": "short"}])
async def test_an_answer_apart_is_the_one_of_a_single_request(make, make_slow, fields):
    _, reasoner = make()
    whole = await reasoner.submit(ask(checkpoints=[3, 7], **fields)).wait()
    engine, reasoner = make_slow()
    apart = await reasoner.submit(ask(checkpoints=[3, 7], **fields)).wait()
    assert (apart.thinking, apart.answer, apart.stop_reason) == (whole.thinking, whole.answer, whole.stop_reason)
    usage = apart.usage
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert usage.cached + usage.computed == engine.prefilled
    assert (usage.thinking, usage.forced, usage.answer) == (
        whole.usage.thinking,
        whole.usage.forced,
        whole.usage.answer,
    )
    assert usage.prompt_cached == whole.usage.prompt_cached == 0
    assert engine.active == set()


async def test_thinking_that_is_closed_early_is_answered_in_one_more_request(make_slow):
    engine, reasoner = make_slow(pause_s=0.001)
    session = reasoner.submit(ask(budget=500, checkpoints=[]))
    async for entry in session.log.read():
        if entry.type == "thinking.delta":
            session.answer_now()
    document = session.document()
    assert document.stop_reason == "answer_now"
    assert THINKING.startswith(document.thinking)
    assert asked(engine) == [False, True]
    assert document.answer.confidence < 1


async def test_the_answers_draws_do_not_repeat_those_of_the_thinking(make_slow):
    engine, reasoner = make_slow()
    for _ in range(2):
        await reasoner.submit(ask(budget=12, checkpoints=[], temperature=1.0, seed=7)).wait()
    thinking, answer, thinking_again, answer_again = [request.sampling.seed for request in engine.requests]
    assert (thinking, answer) == (thinking_again, answer_again)
    assert thinking == 7 != answer


def test_the_draws_of_what_follows_differ_by_seed_and_by_place():
    seeds = {Sampling(seed=seed).further(tokens).seed for seed in (0, 1, 2**63 - 1) for tokens in (0, 1, 2)}
    assert len(seeds) == 9
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert Sampling().further(3) == Sampling()
