"""Calls that a client insists on: the answer is held to their schemas, whatever the model would rather say."""

import json

import openai
import pytest

from anytime_server.api.openai.tools import Piece, parse
from anytime_server.api.openai.tools.forced import ForcedCalls
from api.openai.test_tools import ASK, WEATHER

NAMED = {"type": "function", "function": {"name": "weather"}}
ARGUMENTS = '{"city": "Bonn"}'
LIST = '[{"name": "weather", "parameters": {"city": "Bonn"}}, {"name": "weather", "parameters": {"city": "Ulm"}}]'
TREE = {
    "type": "function",
    "function": {
        "name": "plant",
        "parameters": {
            "type": "object",
            "properties": {"tree": {"$ref": "#/$defs/Tree"}, "$ref": {"type": "string"}},
            "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        },
    },
}


async def test_a_named_tool_is_called_and_the_answer_is_its_arguments(served, connect):
    async with served(answer=ARGUMENTS) as (client, engine), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK, tool_choice=NAMED)).choices
        assert (choice.finish_reason, choice.message.content) == ("stop", None)
        (call,) = choice.message.tool_calls
        assert (call.type, call.function.name, json.loads(call.function.arguments)) == (
            "function", "weather", {"city": "Bonn"}
        )  # fmt: skip
        think, answer = engine.requests
        assert think.structured is None
        assert answer.structured.json_schema == WEATHER["function"]["parameters"]
        assert engine.tokenizer.decode(think.prompt_ids).startswith("tool: ")


async def test_required_is_a_list_of_calls(served, connect):
    async with served(answer=LIST) as (client, engine), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK, tool_choice="required")).choices
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        cities = [json.loads(call.function.arguments)["city"] for call in choice.message.tool_calls]
        assert cities == ["Bonn", "Ulm"]
        schema = engine.requests[-1].structured.json_schema
        assert (schema["type"], schema["minItems"], "maxItems" in schema) == ("array", 1, False)
        await oai.chat.completions.create(**ASK, tool_choice="required", parallel_tool_calls=False)
        assert engine.requests[-1].structured.json_schema["maxItems"] == 1


async def test_references_in_a_tools_schema_lead_to_where_they_led(served, connect):
    async with served(answer=LIST) as (client, engine), connect(client) as oai:
        await oai.chat.completions.create(**{**ASK, "tools": [WEATHER, TREE]}, tool_choice="required")
        schema = engine.requests[-1].structured.json_schema
        assert schema["$defs"]["tool0"] == WEATHER["function"]["parameters"]
        assert schema["$defs"]["tool1"] == {
            "type": "object",
            "properties": {"tree": {"$ref": "#/$defs/tool1/$defs/Tree"}, "$ref": {"type": "string"}},
            "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/tool1/$defs/Tree"}}},
        }
        offered = schema["items"]["anyOf"]
        assert [one["properties"]["name"]["const"] for one in offered] == ["weather", "plant"]
        assert [one["properties"]["parameters"] for one in offered] == [
            {"$ref": "#/$defs/tool0"}, {"$ref": "#/$defs/tool1"}
        ]  # fmt: skip


async def test_a_tool_without_parameters_is_called_with_an_object(served, connect):
    bare = {"type": "function", "function": {"name": "now"}}
    async with served(answer="{}") as (client, engine), connect(client) as oai:
        named = {"type": "function", "function": {"name": "now"}}
        (choice,) = (await oai.chat.completions.create(**{**ASK, "tools": [bare]}, tool_choice=named)).choices
        assert choice.message.tool_calls[0].function.arguments == "{}"
        assert engine.requests[-1].structured.json_schema == {"type": "object"}


@pytest.mark.parametrize(("choice", "answer", "reason"), [(NAMED, ARGUMENTS, "stop"), ("required", LIST, "tool_calls")])
async def test_streamed_calls_come_whole(served, connect, choice, answer, reason):
    async with served(answer=answer, pause_s=0.001) as (client, _), connect(client) as oai:
        async with oai.chat.completions.stream(**ASK, tool_choice=choice) as stream:
            deltas = [event.delta async for event in stream if event.type == "content.delta"]
            (done,) = (await stream.get_final_completion()).choices
        assert ("".join(deltas), done.finish_reason) == ("", reason)
        assert json.loads(done.message.tool_calls[0].function.arguments) == {"city": "Bonn"}


@pytest.mark.parametrize("deep", [101, 5000])
def test_what_is_nested_deeper_than_anybody_means_it_is_text(deep):
    answer = '{"a":' * deep + "1" + "}" * deep
    assert parse(answer, ForcedCalls("weather")) == Piece((answer,))


@pytest.mark.parametrize("choice", [NAMED, "required"])
async def test_an_answer_that_is_cut_is_text(served, connect, choice):
    async with served(answer=LIST) as (client, _), connect(client) as oai:
        extra = {"max_answer_tokens": 9}
        (done,) = (await oai.chat.completions.create(**ASK, tool_choice=choice, extra_body=extra)).choices
        assert (done.finish_reason, done.message.content, done.message.tool_calls) == ("length", LIST[:9], None)


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"tool_choice": "required", "tools": None}, "tool_choice", "give tools"),
        ({"tool_choice": {**NAMED, "function": {"name": "sun"}}}, "tool_choice", "no tool is called 'sun'"),
        ({"tool_choice": NAMED, "response_format": {"type": "json_object"}}, "response_format", "tools"),
        (
            {"tool_choice": "required", "extra_body": {"structured_outputs": {"regex": "a"}}},
            "structured_outputs",
            "can't call tools",
        ),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice", "send these tools alone"),
    ],
)
async def test_what_can_not_be_insisted_on_is_refused(served, connect, fields, param, message):
    async with served() as (client, engine), connect(client) as oai:
        with pytest.raises(openai.BadRequestError, match=message) as caught:
            await oai.chat.completions.create(**{**ASK, **fields})
        assert caught.value.param.startswith(param)
        assert engine.requests == []


async def test_an_engine_without_grammars_names_the_choice(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        engine.unsupported = {"structured_outputs": "do that: take another"}
        with pytest.raises(openai.BadRequestError, match="take another") as caught:
            await oai.chat.completions.create(**ASK, tool_choice="required")
        assert caught.value.param == "tool_choice"


async def test_a_schema_that_leads_nowhere_is_the_tools(served, connect):
    lost = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"$ref": "#/$defs/City"}}}}
    async with served() as (client, _), connect(client) as oai:
        with pytest.raises(openai.BadRequestError, match=r"\$ref") as caught:
            await oai.chat.completions.create(
                **{**ASK, "tools": [{"type": "function", "function": lost}]}, tool_choice=NAMED
            )
        assert caught.value.param == "tools"


FUNCTION = {"type": "function", **WEATHER["function"]}
CUSTOM = {"type": "custom", "name": "shell"}


async def test_a_response_calls_what_it_must(served, connect):
    async with served(answer=ARGUMENTS) as (client, _), connect(client) as oai:
        named = {"type": "function", "name": "weather"}
        done = await oai.responses.create(model="fake-model", input="Is it?", tools=[FUNCTION], tool_choice=named)
        assert [(item.name, item.arguments) for item in done.output if item.type == "function_call"] == [
            ("weather", ARGUMENTS)
        ]
        assert done.tool_choice.model_dump() == named


async def test_a_response_calls_a_custom_tool_with_its_text(served, connect):
    async with served(answer='{"input": "ls"}') as (client, _), connect(client) as oai:
        named = {"type": "custom", "name": "shell"}
        done = await oai.responses.create(model="fake-model", input="List", tools=[CUSTOM, FUNCTION], tool_choice=named)
        assert [item.input for item in done.output if item.type == "custom_tool_call"] == ["ls"]


async def test_a_tool_of_another_kind_can_not_be_insisted_on(served, connect):
    async with served() as (client, _), connect(client) as oai:
        named = {"type": "custom", "name": "weather"}
        with pytest.raises(openai.BadRequestError, match="of type 'function', not 'custom'") as caught:
            await oai.responses.create(model="fake-model", input="Is it?", tools=[FUNCTION], tool_choice=named)
        assert caught.value.param == "tool_choice"


async def test_a_response_that_must_call_something(served, connect):
    async with served(answer=LIST) as (client, _), connect(client) as oai:
        asked = {"model": "fake-model", "input": "Is it?", "tools": [FUNCTION], "tool_choice": "required"}
        done = await oai.responses.create(**asked)
        assert [item.arguments for item in done.output if item.type == "function_call"] == [
            ARGUMENTS, '{"city": "Ulm"}'
        ]  # fmt: skip
