import asyncio
import gzip
import json

import openai
import pytest

from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.neutral import CHAT_FIELDS

USER = {"role": "user", "content": "count"}
CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
TOOL = {"type": "function", "function": {"name": "f"}}
CALLED = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "x"}}]}
CALL = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "x", "cache_control": None}]}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
JSON_FORMAT = {"type": "json_object"}


SAID = {"role": "assistant", "content": "x"}


def said(*messages):
    return {"messages": list(messages)}


def thought(**fields):
    return {"role": "assistant", "content": [{"type": "thinking", **fields}]}


WRONG = [
    ({}, "messages", "required"),
    (said(), "messages", "at least 1"),
    (said(USER, {"role": "assistant", "content": "4"}), "messages.1", "assistant's"),
    (said({"role": "robot", "content": "x"}), "messages.0.role", "Input should be"),
    (said({"role": "user"}), "messages.0.content", "it is missing"),
    (said({**USER, "reasoning": "so"}), "messages.0.reasoning", "belongs to role assistant"),
    (said({**USER, "tool_call_id": "a"}), "messages.0.tool_call_id", "belongs to role tool"),
    (said(IMAGE), "messages.0.content.0.type", "reads text only"),
    (said({"role": "assistant", "refusal": "no"}, USER), "messages.0.refusal", "leave it out"),
    (said(CALLED, USER), "messages.0.tool_calls.0.function.arguments", "JSON object"),
    (said(thought(thinking="x", bogus=1), USER), "messages.0.content.0.bogus", "unknown field"),
    (said(thought(text="x"), USER), "messages.0.content.0.text", "has its text in 'thinking'"),
    (said(thought(thinking=5), USER), "messages.0.content.0.thinking", "must be a text"),
    (said({**SAID, "reasoning": 5}, USER), "messages.0.reasoning", "must be a text"),
    (said({**SAID, "reasoning_details": "so"}, USER), "messages.0.reasoning_details", "list of objects"),
    (said({"rol": "user", "content": "x"}), "messages.0.role", "messages.0.rol: unknown field; did you mean 'role'"),
    ({"tools": [{"function": {"nme": "f"}}]}, "tools.0.function.name", "did you mean 'name'"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schma": {}}}},
        "response_format.json_schema.schema",
        "did you mean 'schema'",
    ),
    ({"max_tokens": 0}, "max_tokens", "greater than"),
    ({"max_tokens": 3, "closing": "..."}, "max_tokens", "raise"),
    ({"max_completion_token": 30}, "max_completion_token", "did you mean 'max_completion_tokens'"),
    ({"n": 0}, "n", "greater than"),
    ({"temperature": 3}, "temperature", "less than"),
    ({"min_p": 2}, "min_p", "less than"),
    ({"frequency_penalty": 0.5}, "frequency_penalty", "thinking too"),
    ({"presence_penalty": -1}, "presence_penalty", "thinking too"),
    ({"logit_bias": {"5": 1}}, "logit_bias", "leave it out"),
    ({"store": True}, "store", "leave it out"),
    ({"service_tier": "flex"}, "service_tier", "auto"),
    ({"modalities": ["text", "audio"]}, "modalities", "text only"),
    ({"top_logprobs": 3}, "top_logprobs", "logprobs: true"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than"),
    ({"stream_options": {"include": True}}, "stream_options.include", "unknown field"),
    ({"reasoning_effort": "huge"}, "reasoning_effort", "Input should be"),
    ({"chat_template_kwargs": {"style": "x"}}, "chat_template_kwargs.style", "does not read"),
    ({"response_format": {"type": "xml"}}, "response_format", "does not match"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "required"),
    ({"response_format": JSON_FORMAT, "structured_outputs": {"choice": ["a"]}}, "response_format", "exclude"),
    ({"structured_outputs": {}}, "structured_outputs", "exactly one"),
    ({"tools": [TOOL], "response_format": JSON_FORMAT}, "response_format", "tools"),
    ({"tools": [TOOL], "structured_outputs": {"regex": "a"}}, "structured_outputs", "tools"),
    ({"tool_choice": "required"}, "tool_choice", "give tools"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", "no tool"),
    ({"tools": [TOOL], "tool_choice": "always"}, "tool_choice", "required"),
    ({"background": True}, "background", "unknown field"),
    ({"checkpoints": {"every": 5, "count": 2}}, "checkpoints", "exactly one"),
]
WRONG = [({"messages": [USER], **body} if body else body, param, message) for body, param, message in WRONG]


@pytest.mark.parametrize(("body", "param", "message"), WRONG, ids=[str(case[0])[:60] for case in WRONG])
async def test_each_error_names_its_field_and_the_remedy(served, body, param, message):
    async with served() as (client, engine):
        response = await client.post(CHAT, content=json.dumps(body), headers=JSON)
        error = response.json()["error"]
        assert response.status_code == 400
        assert set(error) == {"message", "type", "param", "code", "request_id"}
        assert (error["type"], error["param"]) == ("invalid_request_error", param)
        assert message in error["message"]
        assert error["request_id"] == response.headers["x-request-id"]
        assert engine.requests == []


@pytest.mark.parametrize("name", sorted(CHAT_FIELDS))
async def test_fields_that_change_nothing_are_accepted(served, name):
    neutral = CHAT_FIELDS[name]
    values = ["anything"] if neutral.values is None else neutral.values
    async with served() as (client, _):
        for value in (None, *values):
            response = await client.post(CHAT, json={"messages": [USER], name: value})
            assert response.status_code == 200, response.text
        if neutral.values is not None:
            response = await client.post(CHAT, json={"messages": [USER], name: "something else"})
            assert (response.status_code, response.json()["error"]["param"]) == (400, name)


async def test_null_is_as_good_as_absent(served):
    async with served() as (client, _):
        response = await client.post(CHAT, json={**dict.fromkeys(ChatRequest.model_fields), "messages": [USER]})
        assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "fields",
    [
        {"stream_options": {"include_usage": None}},
        {"reasoning": {"effort": "low", "exclude": None}},
        {"thinking": {"type": "enabled", "budget_tokens": 8, "display": None}},
        {"interim": {"samples": None, "max_tokens": None, "temperature": None}, "checkpoints": [4]},
        {"checkpoints": {"every": None, "count": 2}},
        {"structured_outputs": {"json": None, "regex": "a"}},
        said(thought(thinking="x", signature="s", cache_control=None), USER),
        said({**USER, "content": [{"type": "text", "text": "x", "extras": {"a": 1}, "index": 0}]}),
        said({**USER, "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}]}),
        {"response_format": {"type": "text", "json_schema": None}},
        {"tools": [{"type": None, "function": {"name": "f", "description": None, "strict": None}}]},
        said(USER, {"role": "assistant", "tool_calls": [{**CALL, "type": None, "custom": None}]}, RESULT),
    ],
)
async def test_null_is_as_good_as_absent_further_in(served, fields):
    async with served() as (client, _):
        response = await client.post(CHAT, json={"messages": [USER], **fields})
        assert response.status_code == 200, response.text


async def test_another_model_is_not_found(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        with pytest.raises(openai.NotFoundError) as caught:
            await oai.chat.completions.create(model="gpt-9", messages=[USER])
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.NotFoundError) as listed:
            await oai.models.retrieve("gpt-9")
        assert listed.value.code == "model_not_found"
        assert engine.requests == []


async def test_a_conversation_longer_than_the_context_has_openais_code(served, connect):
    async with served(max_model_len=100) as (client, _), connect(client) as oai:
        with pytest.raises(openai.BadRequestError) as caught:
            await oai.chat.completions.create(model="fake-model", messages=[{"role": "user", "content": "x" * 200}])
        assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


async def test_an_engine_that_is_down_is_an_internal_server_error_of_the_sdk(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        engine.dead = True
        with pytest.raises(openai.InternalServerError) as caught:
            await oai.chat.completions.create(model="fake-model", messages=[USER])
        assert (caught.value.status_code, caught.value.type) == (503, "engine_error")


async def test_a_wrong_key_is_an_authentication_error_of_the_sdk(served, connect):
    async with served(app={"api_keys": ("right-key-of-this-server",)}) as (client, engine):
        async with connect(client, api_key="wrong") as oai:
            with pytest.raises(openai.AuthenticationError) as caught:
                await oai.chat.completions.create(model="fake-model", messages=[USER])
            assert (caught.value.code, caught.value.type) == ("invalid_api_key", "authentication_error")
            assert engine.requests == []
        async with connect(client, api_key="right-key-of-this-server") as oai:
            done = await oai.chat.completions.create(model="fake-model", messages=[USER])
            assert done.choices[0].finish_reason == "stop"


async def test_a_full_server_is_tried_again_by_the_sdk(served, connect):
    async with served(max_sessions=1) as (client, engine), connect(client, max_retries=3) as oai:
        engine.gate.clear()
        await client.post("/reason", json={"prompt": "x", "background": True})
        asking = asyncio.ensure_future(oai.chat.completions.create(model="fake-model", messages=[USER]))
        await asyncio.sleep(0.2)
        engine.gate.set()
        assert (await asking).choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/v1/nowhere", None, 404),
        ("GET", CHAT, None, 405),
        ("POST", CHAT, b"{", 400),
        ("POST", CHAT, b"[]", 400),
        ("POST", CHAT, b"x" * 10_000_000, 413),
        ("POST", f"{CHAT}?stream=true", b'{"messages": []}', 400),
        ("POST", f"{CHAT}?budget=-1", b'{"messages": [{"role": "user", "content": "x"}]}', 400),
    ],
)
async def test_every_error_under_v1_has_openais_shape(served, method, path, content, status):
    async with served() as (client, _):
        response = await client.request(method, path, content=content, headers=JSON)
        assert response.status_code == status
        assert set(response.json()["error"]) == {"message", "type", "param", "code", "request_id"}


async def test_a_body_that_is_not_json_is_refused(served):
    async with served() as (client, _):
        response = await client.post(CHAT, data={"messages": "x"})
        assert (response.status_code, "application/json" in response.json()["error"]["message"]) == (415, True)


@pytest.mark.parametrize("path", [CHAT, "/reason"])
async def test_a_compressed_body_is_refused_by_name(served, path):
    async with served() as (client, _):
        body = gzip.compress(json.dumps({"messages": [USER]}).encode())
        response = await client.post(path, content=body, headers={**JSON, "Content-Encoding": "gzip"})
        assert (response.status_code, "Content-Encoding: gzip" in response.json()["error"]["message"]) == (415, True)


@pytest.mark.parametrize("path", [CHAT, "/tokenize"])
async def test_a_part_of_no_known_type_is_refused_by_name(served, path):
    async with served() as (client, _):
        said = {"role": "assistant", "content": [{"type": ["x"]}]}
        response = await client.post(path, json={"messages": [USER, said, USER]})
        assert response.status_code == (400 if path == CHAT else 422)
        assert response.json()["error"]["param"].startswith("messages.1.content")
