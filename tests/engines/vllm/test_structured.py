"""Structured answers on the real engine: the grammar holds for the answer, and for nothing before it."""

import asyncio
import json
import re
from types import SimpleNamespace

import pytest

from anytime_client.protocol import ReasonRequest, StructuredOutputs
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.tools import forced_schema
from anytime_server.engines import EngineRequest
from anytime_server.engines.vllm.compiling import Compiler
from anytime_server.engines.vllm.structured import StructuredCheck
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Reasoner
from engines.counted import CountedEngine
from engines.vllm.generation import terse

QUESTION = "What is 37+48?"
SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 9}, "sure": {"type": "boolean"}},
    "required": ["sum", "sure"],
    "additionalProperties": False,
}

NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.fixture
def reasoner(engine):
    counted = CountedEngine(engine)
    return Reasoner(counted, terse(engine))


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


async def test_answers_are_the_calls_that_a_client_insists_on(reasoner):
    digit = {"type": "integer", "minimum": 0, "maximum": 9}
    add = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Digit"}}, "required": ["a"]}
    add |= {"$defs": {"Digit": digit}, "additionalProperties": False}
    tools = [{"function": {"name": "add", "parameters": add}}, {"function": {"name": "stop", "parameters": NOTHING}}]
    chat = {"messages": [{"role": "user", "content": QUESTION}], "tools": tools, "parallel_tool_calls": False}
    wanted = {"json": forced_schema(ChatRequest.model_validate({**chat, "tool_choice": "required"}))}
    documents = await asyncio.gather(
        *(answer(reasoner, wanted, temperature=1.0, seed=seed, max_answer_tokens=400) for seed in range(6))
    )
    whole = [document.answer.text for document in documents if document.answer.finish_reason == "stop"]
    assert whole
    for (called,) in map(json.loads, whole):
        assert called["name"] in ("add", "stop")
        assert called["parameters"] == {} or called["parameters"]["a"] in range(10)


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


REFUSED = [
    ("regex", "("),
    ("regex", "(?=a)b"),
    ("regex", "a\x00"),
    ("regex", r"[^\s\S]"),
    ("json", {"type": "nope"}),
    ("json", {"type": "array", "uniqueItems": True}),
    ("json", {"allOf": [{"type": "string"}, {"enum": ["yes", "no"]}]}),
    ("json", {"type": "object", "properties": []}),
    ("json", {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"], "additionalProperties": False}),
    ("json", {"$ref": "#"}),
    ("json", {"type": "string", "pattern": "("}),
    ("grammar", "root ::= root"),
    ("grammar", "root ::= "),
    ("grammar", " "),
    ("grammar", 'root ::= "a" root'),
    ("grammar", "root ::= other"),
    ("grammar", 'other ::= "a"'),
]


@pytest.mark.parametrize(("name", "wanted"), REFUSED)
def test_what_can_not_be_had_is_refused_before_the_first_token(reasoner, name, wanted):
    with pytest.raises(InvalidRequest) as refused:
        reasoner.plan(ReasonRequest(prompt=QUESTION, budget=20, structured_outputs={name: wanted}))
    assert refused.value.param == f"structured_outputs.{name}"
    assert refused.value.message
    assert reasoner.engine.generated == 0


def test_a_refusal_says_what_the_library_said_and_nothing_of_its_source(reasoner):
    with pytest.raises(InvalidRequest, match="not closed") as refused:
        reasoner.plan(ReasonRequest(prompt=QUESTION, structured_outputs={"regex": "("}))
    assert ".cc" not in refused.value.message


@pytest.mark.parametrize(
    "wanted",
    [
        {"json_object": True},
        {"json": {}},
        {"json": {"type": "object", "properties": {"next": {"$ref": "#"}}}},
        {"json": {"type": "array", "items": {"enum": ["é", 1, None]}, "minItems": 1, "maxItems": 3}},
        {"regex": "^(yes|no)$"},
        {"regex": r"[^a]*\d{2,3}"},
        {"choice": ["é", "日本", 'quo"te', "line\nbreak"]},
        {"grammar": 'root ::= root "a" | "b"'},
        {"grammar": 'root ::= "(" root ")" | [0-9]+'},
    ],
)
def test_what_compiles_passes(reasoner, wanted):
    assert reasoner.plan(ReasonRequest(prompt=QUESTION, structured_outputs=wanted)).request.structured_outputs


@pytest.fixture
def check(engine):
    """The engine's own, whose process has compiled something."""
    engine.check_structured(StructuredOutputs(choice=["yes"]))
    return engine._structured


def test_what_has_compiled_is_not_compiled_again(check, monkeypatch):
    compiled = []
    compile = check._compile
    monkeypatch.setattr(check, "_compile", lambda params: (compiled.append(params), compile(params)))
    for _ in range(3):
        check.check(StructuredOutputs(choice=["once", "for all"]))
    assert len(compiled) == 1


def test_what_takes_too_long_is_refused_and_the_next_one_compiles(check, monkeypatch):
    with monkeypatch.context() as hurry:
        hurry.setattr(check._compiler._pool, "_timeout_s", 1e-6)
        with pytest.raises(InvalidRequest, match="to compile") as refused:
            check.check(StructuredOutputs(json={"type": "string", "minLength": 999, "maxLength": 9999}))
    assert refused.value.param == "structured_outputs.json"
    check.check(StructuredOutputs(choice=["not too long"]))


def test_what_has_no_tokens_is_refused(engine, monkeypatch):
    letters = SimpleNamespace(vocabulary=(b"a", b"b", b"<eos>"), control_tokens=("<eos>",), eos_ids=(2,))
    check = StructuredCheck(engine._structured._config, letters)
    monkeypatch.setattr(Compiler, "compile", lambda compiler, grammar: None)
    for wanted in (StructuredOutputs(choice=["ab", "abc"]), StructuredOutputs(regex="a*c")):
        with pytest.raises(InvalidRequest, match="vocabulary"):
            check.check(wanted)
    check.check(StructuredOutputs(choice=["ab", "ba"]))
    check.check(StructuredOutputs(regex="[a-z]*(b|c)"))


async def test_a_grammar_that_fails_in_the_engine_is_the_requests_fault(engine):
    stuck = StructuredOutputs(grammar="root ::= root")
    with pytest.raises(InvalidRequest) as failed:
        async for _ in engine.generate(EngineRequest("stuck", (1,), max_tokens=4, structured=stuck)):
            pass
    assert failed.value.param == "structured_outputs.grammar"
