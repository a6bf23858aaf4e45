import json

import openai
import pytest
from anytime_server.api.openai.tool_calls import ToolCallParser, parse
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{</tool_call>",
        "<tool_call>[]</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": "x"}</tool_call>',
        '<tool_call>{"name": "f"',
        "a < b",
        "</tool_call>",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert (parse(text).text, parse(text).calls) == (text, ())


@given(st.lists(st.sampled_from(["a", "<", "<tool_call>", "</tool_call>", CALL, "<tool", " "])), st.data())
def test_calls_are_found_however_the_text_is_cut(parts, data):
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parser = ToolCallParser()
    pieces = [parser.feed(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    pieces.append(parser.finish())
    whole = parse(text)
    assert "".join(piece.text for piece in pieces).strip() == whole.text
    found = [call.function for piece in pieces for call in piece.calls]
    assert found == [call.function for call in whole.calls]
