"""Logprobs are asked for where something reads them: on engines that they slow down long thinking goes without."""

import pytest

from anytime_server.reasoning.answers.final import AnswerText
from anytime_server.reasoning.answers.logprobs import AnswerLogprobs
from fakes import BLOCK, EOS, MARKERS, ByteTokenizer
from reasoning.conftest import ask

LONG = "step; " * 30
PLAIN_FROM = 8


@pytest.fixture
def make_slow(make):
    """Make an engine that logprobs slow down, and a reasoner over it."""

    def factory(thinking=LONG, **settings):
        engine, reasoner = make(thinking, **settings)
        engine.plain_from = PLAIN_FROM
        return engine, reasoner

    return factory


def asked(engine):
    return [request.logprobs for request in engine.requests]


async def test_thinking_goes_without_logprobs_up_to_the_last_block_and_the_answer_has_its_confidence(make_slow):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(budget=100, checkpoints=[])).wait()
    assert asked(engine) == [False, True]
    plain, rest = engine.requests
    # One token of it is not in the cache, which holds whole blocks: as few as can be.
    assert len(rest.input_ids) % BLOCK == 1
    assert len(plain.input_ids) + 100 - len(rest.input_ids) < BLOCK
    assert document.usage.computed == document.usage.prompt + 1
    assert document.answer.confidence == pytest.approx(0.905, abs=1e-3)


async def test_interim_answers_are_always_asked_with_logprobs(make_slow):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(budget=100, checkpoints=[40])).wait()
    branches = [request for request in engine.requests if "@" in request.request_id]
    assert [request.logprobs for request in branches] == [True]
    assert document.checkpoints[0].confidence == pytest.approx(0.905, abs=1e-3)


@pytest.mark.parametrize(
    "fields", [{"budget": 0}, {"budget": PLAIN_FROM - 1}, {"budget": 100, "logprobs": True, "top_logprobs": 2}]
)
async def test_short_thinking_and_a_request_that_wants_logprobs_have_one_request(make_slow, fields):
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(checkpoints=[], **fields)).wait()
    assert asked(engine) == [True]
    assert document.answer.confidence < 1


async def test_an_engine_on_which_logprobs_cost_nothing_answers_in_the_request_that_thinks(make):
    engine, reasoner = make(LONG)
    await reasoner.submit(ask(budget=100, checkpoints=[])).wait()
    assert asked(engine) == [True]


@pytest.mark.parametrize("answer", ["full", "short"])
@pytest.mark.parametrize("budget", [*range(60, 60 + BLOCK), 500])
async def test_nothing_else_changes_wherever_the_budget_ends_or_the_model(make, make_slow, budget, answer):
    fields = {"budget": budget, "checkpoints": [3, 44], "answer": answer}
    _, reasoner = make(LONG)
    whole = await reasoner.submit(ask(**fields)).wait()
    engine, reasoner = make_slow()
    document = await reasoner.submit(ask(**fields)).wait()
    assert (document.thinking, document.answer, document.stop_reason) == (
        whole.thinking,
        whole.answer,
        whole.stop_reason,
    )
    assert [point.value for point in document.checkpoints] == [point.value for point in whole.checkpoints]
    usage = document.usage
    assert (usage.thinking, usage.forced, usage.answer) == (
        whole.usage.thinking,
        whole.usage.forced,
        whole.usage.answer,
    )
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert usage.cached + usage.computed == engine.prefilled
    assert usage.prompt_cached == whole.usage.prompt_cached == 0
    assert asked(engine)[0] is False
    assert engine.active == set()


async def test_thinking_that_is_closed_early_is_answered_in_one_more_request(make_slow):
    engine, reasoner = make_slow(pause_s=0.001)
    session = reasoner.submit(ask(budget=500, checkpoints=[]))
    async for entry in session.log.read():
        if entry.type == "thinking.delta":
            session.answer_now()
    document = session.document()
    assert document.stop_reason == "answer_now"
    assert LONG.startswith(document.thinking)
    assert asked(engine) == [False, True]
    assert document.answer.confidence < 1


async def test_a_session_extended_past_its_plain_leg_thinks_as_one_that_had_the_budget_at_once(make_slow):
    _, reasoner = make_slow()
    whole = await reasoner.submit(ask(budget=150, checkpoints=[])).wait()
    session = reasoner.submit(ask(budget=70, checkpoints=[]))
    await session.wait()
    reasoner.extend(session.id, 150, relative=False)
    document = await session.wait()
    assert (document.thinking, document.answer) == (whole.thinking, whole.answer)
    assert document.budget.spent == 150


@pytest.mark.parametrize(("told", "rest"), [("ab", "cd"), ("abcd", ""), ("", "abcd")])
@pytest.mark.parametrize("at_once", [True, False], ids=["as it ends", "as it comes"])
def test_an_answer_made_anew_tells_the_logprobs_of_what_had_not_been_told(told, rest, at_once):
    tokenizer = ByteTokenizer()
    answer = AnswerText(tokenizer, MARKERS, 8, (), AnswerLogprobs(tokenizer))
    answer.begin(was_cut=True)
    answer.skip(len(told))
    found = []
    for token in (*tokenizer.encode("abcd"), EOS):
        answer.feed(token, -0.5)
        if not at_once or answer.done:
            text = answer.take()
            if text or answer.leaves_logprobs:
                found.append((text, "".join(entry.token for entry in answer.take_logprobs())))
    assert "".join(text for text, _ in found) == rest
    assert [text for text, _ in found] == [tokens for _, tokens in found]
