"""Structured answers on the real engine: the grammar holds for the answer, and for nothing before it."""

import asyncio
import json
import re

import pytest

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Reasoner
from engines.counted import CountedEngine

QUESTION = "What is 37+48?"
SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 9}, "sure": {"type": "boolean"}},
    "required": ["sum", "sure"],
    "additionalProperties": False,
}


@pytest.fixture
def reasoner(engine):
    counted = CountedEngine(engine)
    return Reasoner(counted, ThinkingFormat.resolve(engine.tokenizer))


async def answer(reasoner, wanted, **fields):
    defaults = {"prompt": QUESTION, "temperature": 0.0, "budget": 20, "checkpoints": [], "max_answer_tokens": 64}
    return await reasoner.submit(ReasonRequest(**{**defaults, **fields}, structured_outputs=wanted)).wait()


async def test_an_answer_is_one_of_the_choices(reasoner):
    document = await answer(reasoner, {"choice": ["yes", "no"]})
    assert document.answer.text in ("yes", "no")
    assert (document.answer.value, document.answer.finish_reason) == (document.answer.text, "stop")
    assert document.budget.spent == 20


async def test_an_answer_matches_the_expression(reasoner):
    document = await answer(reasoner, {"regex": "[0-9]{2}"}, temperature=1.0, seed=1)
    assert re.fullmatch("[0-9]{2}", document.answer.text)


async def test_answers_are_json_of_the_schema(reasoner):
    # Random weights may put in white space until they are cut.
    documents = await asyncio.gather(
        *(answer(reasoner, {"json": SCHEMA}, temperature=1.0, seed=seed, max_answer_tokens=400) for seed in range(6))
    )
    whole = [document.answer.text for document in documents if document.answer.finish_reason == "stop"]
    assert whole
    for value in map(json.loads, whole):
        assert set(value) == {"sum", "sure"}
        assert value["sum"] in range(10)


async def test_the_thinking_is_the_same_with_and_without(reasoner):
    free = await answer(reasoner, None)
    held = await answer(reasoner, {"choice": ["yes", "no"]})
    assert held.thinking == free.thinking
    assert held.usage.thinking + held.usage.forced == free.usage.thinking + free.usage.forced


async def test_interim_answers_are_structured_too_and_usage_adds_up(reasoner):
    document = await answer(
        reasoner, {"choice": ["yes", "no"]}, checkpoints=[0, 7, 20], interim={"samples": 3, "temperature": 1.0}, seed=2
    )
    assert {point.answer for point in document.checkpoints} <= {"yes", "no"}
    assert len(document.checkpoints) == 3
    usage = document.usage
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == reasoner.engine.generated
    assert (usage.cached, usage.cached + usage.computed) == (reasoner.engine.cached, reasoner.engine.prompt)


async def test_an_extended_session_answers_in_the_same_structure(reasoner):
    session = reasoner.submit(
        ReasonRequest(prompt=QUESTION, temperature=0.0, budget=5, structured_outputs={"choice": ["yes", "no"]})
    )
    await session.wait()
    reasoner.extend(session.id, 12, relative=False)
    document = await session.wait()
    assert (document.budget.spent, document.answer.text in ("yes", "no")) == (12, True)


async def test_a_grammar_that_can_not_be_compiled_is_the_requests_fault(reasoner):
    document = await answer(reasoner, {"regex": "(unclosed"})
    assert document.status == "failed"
    assert document.error.type == InvalidRequest.type
