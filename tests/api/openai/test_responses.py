import asyncio
import json

import openai
import pytest
from openai.types.responses import Response

from anytime_server.api.openai.effort import EffortMap
from anytime_server.api.openai.responses.request import ResponsesRequest, chat_request

ASK = {"model": "fake-model", "input": "count"}
ASKED = {"role": "user", "content": "count"}
PART = "input.0.content.0.bogus"
CALLED = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}", "parsed_arguments": {}}
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>'


def said(text):
    return {"role": "assistant", "content": text}


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_response_has_reasoning_and_a_message(served, connect):
    async with served(app={"effort": EffortMap(minimal=3, low=8)}) as (client, engine), connect(client) as oai:
        raw = await oai.responses.with_raw_response.create(**ASK, reasoning={"effort": "low"}, instructions="Be brief.")
        response = raw.parse()
        reasoning, message = response.output
        assert (response.status, response.output_text) == ("completed", "There are 4.\nAnswer: 4")
        assert [part.text for part in reasoning.content] == ["a=1; b=2"]
        assert (message.role, message.status) == ("assistant", "completed")
        assert response.usage.output_tokens_details.reasoning_tokens == 8
        assert response.usage.output_tokens == engine.generated
        assert engine.tokenizer.decode(engine.requests[0].prompt_ids) == "system: Be brief.\nuser: count\n<think>"
        assert raw.headers["x-anytime-session"] == response.id
        assert (await client.get(f"/reason/{response.id}")).json()["budget"]["spent"] == 8


async def test_the_sdk_accumulates_the_events_to_the_same_response(served, connect):
    async with served(pause_s=0.002) as (client, _), connect(client) as oai:
        whole = await oai.responses.create(**ASK)
        async with oai.responses.stream(**ASK) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        assert final.output_text == whole.output_text
        assert [item.type for item in final.output] == [item.type for item in whole.output] == ["reasoning", "message"]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = [event.type for event in events]
        assert kinds[:5] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
        ]
        assert kinds[-4:] == [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert text == whole.output_text


@pytest.mark.parametrize("streamed", [False, True])
async def test_functions_are_called(served, connect, streamed):
    async with served(answer=f"Let me look.\n{CALL}{CALL}") as (client, _), connect(client) as oai:
        if streamed:
            async with oai.responses.stream(**ASK, tools=[TOOL]) as stream:
                response = await stream.get_final_response()
        else:
            response = await oai.responses.create(**ASK, tools=[TOOL])
        assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
        assert response.output_text == "Let me look."
        call = response.output[2]
        assert (call.name, json.loads(call.arguments), call.status) == ("weather", {"city": "Bonn"}, "completed")


async def test_the_output_and_the_result_of_a_call_go_into_the_next_input(served, connect):
    async with served(answer=CALL) as (client, engine), connect(client) as oai:
        question = {"role": "user", "content": [{"type": "input_text", "text": "Is it raining?"}]}
        first = await oai.responses.create(model="fake-model", input=[question], tools=[TOOL])
        result = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "rain"}
        again = [question, *(item.model_dump() for item in first.output), result]
        await oai.responses.create(model="fake-model", input=again, tools=[TOOL], store=False)
        prompt = engine.tokenizer.decode(engine.requests[-1].prompt_ids)
        assert prompt.count("assistant: ") == 1
        assert '"name": "weather", "arguments": {"city": "Bonn"}' in prompt
        assert prompt.endswith("tool: rain\n<think>")


@pytest.mark.parametrize(
    ("items", "prompt"),
    [
        (
            [CALLED, {"type": "function_call_output", "call_id": "c1", "output": ""}, said("Nothing.")],
            '"name": "weather", "arguments": {}}}]\ntool: \nassistant: Nothing.\nuser: count\n',
        ),
        ([{"role": "user", "content": ""}, said("Hello.")], "user: \nassistant: Hello.\n"),
        ([said("Look."), CALLED, said(" Then done.")], "assistant: Look. Then done."),
        ([{"type": "reasoning", "summary": [], "encrypted_content": "x"}, said("Four.")], "assistant: Four.\n"),
        ([{**said("Four."), "type": None, "phase": "final_answer", "status": "completed"}], "assistant: Four.\n"),
    ],
)
async def test_no_item_is_lost_or_told_as_somebody_elses(served, items, prompt):
    async with served() as (client, engine):
        body = {"input": [ASKED, *items, ASKED], "tools": [TOOL]}
        assert (await client.post("/v1/responses", json=body)).status_code == 200
        told = engine.tokenizer.decode(engine.requests[0].prompt_ids)
        assert prompt in told
        assert told.count("assistant: ") == 1 + (CALLED in items[:1])


def test_thinking_that_comes_as_a_summary_is_thinking():
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a=1"}]}
    chat = chat_request(ResponsesRequest(input=[ASKED, thought, said("Four."), ASKED]))
    turn = chat.messages[1]
    assert (turn.role, turn.content, turn.reasoning_content) == ("assistant", "Four.", "a=1")


async def test_text_around_calls_is_told_where_it_stands(served, connect):
    """Whole or streamed, however the answer is cut into pieces."""
    async with served(answer=f"Look.\n{CALL}\nThen {CALL} done.", pause_s=0.002) as (client, _), connect(client) as oai:
        whole = await oai.responses.create(**ASK, tools=[TOOL])
        async with oai.responses.stream(**ASK, tools=[TOOL]) as stream:
            streamed = await stream.get_final_response()
        told = [_said_or_called(item) for item in whole.output[1:]]
        assert told == ["Look.", "weather", "Then", "weather", "done."]
        assert [_said_or_called(item) for item in streamed.output[1:]] == told


def _said_or_called(item):
    return item.name if item.type == "function_call" else item.content[0].text


async def test_tools_can_be_sent_again_as_they_came_back(served, connect):
    async with served() as (client, _), connect(client) as oai:
        first = await oai.responses.create(**ASK, tools=[TOOL])
        again = await oai.responses.create(**ASK, tools=[tool.model_dump() for tool in first.tools])
        assert again.tools == first.tools


async def test_what_was_asked_comes_back_and_the_sdk_takes_the_response_for_one(served):
    async with served() as (client, _):
        body = {"input": "count", "metadata": {"k": "v"}}
        response = (await client.post("/v1/responses", json=body)).json()
        assert response["metadata"] == {"k": "v"}
        assert response["text"] == {"format": {"type": "text"}}
        Response.model_validate(response)


async def test_an_answer_that_is_cut_is_incomplete(served, connect):
    async with served(answer="y" * 300) as (client, _), connect(client) as oai:
        response = await oai.responses.create(**ASK, max_output_tokens=60)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert response.usage.output_tokens == 60
        assert [item.status for item in response.output] == ["completed", "incomplete"]


async def test_structured_text(served, connect):
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    format = {"type": "json_schema", "name": "count", "schema": schema, "strict": True}
    async with served(answer='{"count": 4}') as (client, engine), connect(client) as oai:
        response = await oai.responses.create(**ASK, text={"format": format})
        assert json.loads(response.output_text) == {"count": 4}
        assert engine.requests[-1].structured.json_schema == schema


async def test_closing_the_stream_cancels_the_session(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.responses.create(**ASK, stream=True, extra_body={"budget": 2900})
        await anext(aiter(stream))
        await stream.close()
        await until(lambda: not engine.active)
        assert engine.generated < 2900


async def test_a_failure_in_the_middle_ends_the_events(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.responses.create(**ASK, stream=True, extra_body={"budget": 2900})
        async for event in stream:
            if event.type == "response.reasoning_text.delta":
                break
        engine.dead = True
        last = [event async for event in stream][-1]
        assert (last.type, last.response.status) == ("response.failed", "failed")
        assert "engine is down" in last.response.error.message
        assert [item.status for item in last.response.output] == ["incomplete"]


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "send the earlier items"),
        ({"store": True}, "store", "leave it out"),
        ({"background": True}, "background", "POST /reason"),
        ({"logprobs": True}, "logprobs", "chat/completions"),
        ({"max_output_tokens": 3, "closing": "..."}, "max_output_tokens", "raise max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "Input should be"),
        ({"tools": [{"type": "web_search"}]}, "tools", "are run here"),
        ({"input": []}, "input", "at least 1"),
        ({"input": [{"type": "computer_call"}]}, "input.0.type", "can't be read"),
        ({"input": [ASKED, {"type": "item_reference", "id": "msg_1"}]}, "input.1.type", "store: false"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id", "input.0.arguments: Field"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input.0.content.0.type",
            "reads text only",
        ),
        ({"input": [{"rol": "user", "content": "x"}]}, "input.0.role", "did you mean 'role'?"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "txt": "x"}]}]},
            "input.0.content.0.text",
            "mean 'text'",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
            "input.0.content.0.text",
            "valid string",
        ),
        ({"tools": [{"type": "function", "nme": "f"}]}, "tools.0.name", "did you mean 'name'?"),
        ({"input": [ASKED, ASKED, {"role": "robot", "content": "x"}]}, "input.2.role", "should be 'user'"),
        ({"input": [ASKED, {"type": ["a"], "role": "user", "content": "x"}]}, "input.1.type", "can't be read"),
        ({"input": [{**ASKED, "bogus": 1}]}, "input.0.bogus", "unknown field"),
        ({"input": [ASKED, {"role": "assistant", "content": "", "tool_calls": []}]}, "input.1.tool_calls", "items of"),
        ({"input": [ASKED, {**CALLED, "arguments": {}}]}, "input.1.arguments", "valid string"),
        ({"include": [["x"]]}, "include", "leave it out"),
        ({"input": [5]}, "input.0", "must be an object"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.function", "tools are flat here"),
        ({"max_output_tokens": 5, "max_completion_tokens": 7}, "max_output_tokens", "differ"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2**31}}, "thinking.budget_tokens", "less than or equal"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input.0", "assistant's"),
        ({"input": [ASKED, CALLED], "instructions": "Be brief."}, "input.1", "assistant's"),
        ({"input": [ASKED, {**CALLED, "arguments": "x"}, ASKED]}, "input.1.arguments", "JSON object"),
        ({"input": [ASKED, {**CALLED, "name": ""}, ASKED]}, "input.1.name", "at least 1"),
        ({"input": [ASKED, *[CALLED] * 257, ASKED]}, "input.257", "at most 256"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x", "bogus": 1}]}]}, PART, "unknown field"),
    ],
)
async def test_each_error_names_its_field_and_the_remedy(served, connect, fields, param, message):
    async with served() as (client, engine), connect(client) as oai:
        with pytest.raises(openai.BadRequestError, match=message) as caught:
            await oai.responses.create(**ASK, extra_body=fields)
        assert caught.value.param == param
        assert engine.requests == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": "\ud800"}, "input"),
        ({"input": [ASKED, {"role": "user", "content": "\ud800"}]}, "input.1.content"),
        ({"input": [ASKED, {**CALLED, "name": "\ud800"}]}, "input.1.name"),
        ({"metadata": {"k": "\ud800"}}, "metadata"),
        ({"metadata": {"k": float("nan")}}, "metadata"),
        ({"tools": [{"type": "custom", "name": "f", "format": {"definition": "\ud800"}}]}, "tools.0.format"),
    ],
)
async def test_what_can_not_be_sent_back_is_found_where_it_is(served, fields, param):
    """Half characters, and numbers that JSON has not; OpenAI's client can't send either."""
    async with served() as (client, _):
        headers = {"content-type": "application/json"}
        response = await client.post("/v1/responses", content=json.dumps({**ASK, **fields}), headers=headers)
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (400, param)
        assert error["message"].startswith(f"{param}: it holds ")


@pytest.mark.parametrize(
    "beside",
    [
        {"annotations": [{"type": "url_citation"}], "logprobs": []},
        {"cache_control": {"type": "ephemeral"}, "id": None},
        {"prompt_cache_breakpoint": {"mode": "explicit"}},
        {"parsed": None},
    ],
)
async def test_what_clients_say_beside_the_text_of_a_part_is_no_error(served, beside):
    async with served() as (client, _):
        part = {"type": "output_text", "text": "Four.", **beside}
        body = {"input": [ASKED, {"role": "assistant", "content": [part]}, ASKED]}
        assert (await client.post("/v1/responses", json=body)).status_code == 200
