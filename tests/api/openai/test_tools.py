import json

import openai
import pytest

from anytime_server.api import ServerSettings

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bonn"}}\n</tool_call>'
ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "Is it raining?"}], "tools": [WEATHER]}


async def test_tools_are_told_to_the_template_and_its_calls_are_read(served, connect):
    async with served(answer=f"\nLet me look.\n{CALL}\n{CALL}") as (client, engine), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK)).choices
        prompt = engine.tokenizer.decode(engine.requests[0].prompt_ids)
        assert prompt == f"tool: {json.dumps(WEATHER)}\nuser: Is it raining?\n<think>"
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me look.")
        calls = choice.message.tool_calls
        assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
            ("weather", {"city": "Bonn"})
        ] * 2
        assert len({call.id for call in calls}) == 2


async def test_an_answer_of_calls_alone_has_no_content(served, connect):
    async with served(answer=CALL) as (client, _), connect(client) as oai:
        assert (await oai.chat.completions.create(**ASK)).choices[0].message.content is None


async def test_streamed_calls_are_put_together_by_the_sdk(served, connect):
    async with served(answer=f"Look: {CALL}{CALL}", pause_s=0.002) as (client, _), connect(client) as oai:
        async with oai.chat.completions.stream(**ASK) as stream:
            deltas = [event.delta async for event in stream if event.type == "content.delta"]
            (choice,) = (await stream.get_final_completion()).choices
        assert "".join(deltas) == choice.message.content == "Look:"
        assert choice.finish_reason == "tool_calls"
        assert [json.loads(call.function.arguments)["city"] for call in choice.message.tool_calls] == ["Bonn", "Bonn"]


async def test_the_result_of_a_call_goes_into_the_next_prompt(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
        messages = [
            *ASK["messages"],
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "rain"}]},
        ]
        await oai.chat.completions.create(**{**ASK, "messages": messages})
        prompt = engine.tokenizer.decode(engine.requests[0].prompt_ids)
        as_template_sees_it = json.dumps([{**called, "function": {"name": "weather", "arguments": {"city": "Bonn"}}}])
        assert f"assistant: {as_template_sees_it}\ntool: rain\n" in prompt


async def test_messages_that_the_sdk_has_read_into_go_into_the_next_prompt(served, connect):
    """Its helpers put what they have parsed into the message."""
    parameters = {**WEATHER["function"]["parameters"], "additionalProperties": False}
    tool = {"type": "function", "function": {**WEATHER["function"], "parameters": parameters, "strict": True}}
    async with served(answer=CALL) as (client, engine), connect(client) as oai:
        first = await oai.chat.completions.parse(**{**ASK, "tools": [tool]})
        message = first.choices[0].message.model_dump() | {"parsed": {"city": "Bonn"}}
        assert message["tool_calls"][0]["function"]["parsed_arguments"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"}
        messages = [*ASK["messages"], message, result]
        await oai.chat.completions.create(model="fake-model", messages=messages, tools=[tool])
        prompt = engine.tokenizer.decode(engine.requests[-1].prompt_ids)
        assert '"city": "Bonn"' in prompt
        assert "parsed" not in prompt


async def test_tool_choice_none_keeps_the_tools_from_the_model(served, connect):
    async with served(answer=CALL) as (client, engine), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK, tool_choice="none")).choices
        assert engine.tokenizer.decode(engine.requests[0].prompt_ids) == "user: Is it raining?\n<think>"
        assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == (CALL, None, "stop")


async def test_a_template_without_tools_refuses_them(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        engine.tokenizer.chat_template = "bytes"
        with pytest.raises(openai.BadRequestError, match="takes no tools") as caught:
            await oai.chat.completions.create(**ASK)
        assert caught.value.param == "tools"


XML_CALL = "<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n</function>\n</tool_call>"


async def test_calls_as_tags_are_read_and_a_text_stays_a_text(served, connect):
    async with served(answer=XML_CALL) as (client, _), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK)).choices
        assert choice.finish_reason == "tool_calls"
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "12"}


async def test_the_operator_names_the_form_of_calls(served, connect):
    answer = 'Look:[TOOL_CALLS]weather[ARGS]{"city": "Bonn"}'
    async with served(answer=answer, app={"tool_call_parser": "mistral"}) as (client, _), connect(client) as oai:
        (choice,) = (await oai.chat.completions.create(**ASK)).choices
        assert (choice.message.content, choice.message.tool_calls[0].function.name) == ("Look:", "weather")


def test_an_unknown_form_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"--tool-call-parser 'qwen'; known: auto, .*hermes"):
        ServerSettings(tool_call_parser="qwen")


@pytest.mark.parametrize("stream", [False, True])
async def test_without_parallel_calls_the_first_is_kept(served, connect, stream):
    asked = {**ASK, "parallel_tool_calls": False}
    async with served(answer=f"Look: {CALL}{CALL} Done.") as (client, _), connect(client) as oai:
        if stream:
            async with oai.chat.completions.stream(**asked) as events:
                (choice,) = (await events.get_final_completion()).choices
        else:
            (choice,) = (await oai.chat.completions.create(**asked)).choices
        assert choice.finish_reason == "tool_calls"
        assert len(choice.message.tool_calls) == 1


async def test_responses_keep_the_first_call_and_say_so(served, connect):
    tool = {"type": "function", **WEATHER["function"]}
    async with served(answer=CALL + CALL) as (client, _), connect(client) as oai:
        response = await oai.responses.create(
            model="fake-model", input="rain?", tools=[tool], parallel_tool_calls=False
        )
        assert [item.type for item in response.output] == ["reasoning", "function_call"]
        assert response.parallel_tool_calls is False


async def test_parallel_tool_calls_may_be_sent_without_tools(served, connect):
    async with served() as (client, _), connect(client) as oai:
        (choice,) = (
            await oai.chat.completions.create(
                model="fake-model", messages=ASK["messages"], extra_body={"parallel_tool_calls": False}
            )
        ).choices
        assert choice.finish_reason == "stop"
        response = await oai.responses.create(model="fake-model", input="rain?", parallel_tool_calls=False)
        assert response.status == "completed"


@pytest.mark.parametrize("arguments", ["", " ", None])
async def test_a_call_without_arguments_is_sent_back_as_clients_have_it(served, arguments):
    called = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    items = [
        {"role": "user", "content": "rain?"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": arguments},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ]
    messages = [
        *ASK["messages"],
        {"role": "assistant", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    async with served() as (client, engine):
        chat = await client.post("/v1/chat/completions", json={**ASK, "messages": messages})
        response = await client.post(
            "/v1/responses", json={"input": items, "tools": [{"type": "function", **WEATHER["function"]}]}
        )
        assert (chat.status_code, response.status_code) == (200, 200), (chat.text, response.text)
        for request in engine.requests[:1]:
            assert '"arguments": {}' in engine.tokenizer.decode(request.prompt_ids)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/reason"])
@pytest.mark.parametrize("text", ['{"a":' + "[" * 100_000, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"])
async def test_arguments_that_are_nested_without_end_are_refused(served, path, text):
    called = {"id": "c1", "function": {"name": "weather", "arguments": text}}
    messages = [
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    async with served() as (client, _):
        response = await client.post(path, json={"messages": messages})
        assert 400 <= response.status_code < 500
        assert "nested" in response.text
