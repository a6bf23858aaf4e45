"""Structured outputs that can't be had are refused before the first token, by the name under which they were sent."""

import asyncio
import json
import threading

import pytest

from anytime_server.errors import InvalidRequest

ENDLESS = {"$ref": "#"}
LONG = "a" * 2000
CHAT = {"messages": [{"role": "user", "content": "hi"}]}


def as_schema(schema):
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}


ASKED = [
    ("/reason", {"prompt": "hi", "structured_outputs": {"json": ENDLESS}}, "structured_outputs.json"),
    ("/reason", {"prompt": "hi", "structured_outputs": {"regex": LONG}}, "structured_outputs.regex"),
    ("/v1/chat/completions", CHAT | {"response_format": as_schema(ENDLESS)}, "response_format.json_schema.schema"),
    ("/v1/chat/completions", CHAT | {"structured_outputs": {"json": ENDLESS}}, "structured_outputs.json"),
    ("/v1/chat/completions", CHAT | {"structured_outputs": {"grammar": LONG * 5}}, "structured_outputs.grammar"),
    (
        "/v1/responses",
        {"input": "hi", "text": {"format": {"type": "json_schema", "name": "s", "schema": ENDLESS}}},
        "text.format.schema",
    ),
    ("/v1/responses", {"input": "hi", "structured_outputs": {"choice": [LONG] * 17}}, "structured_outputs.choice"),
]


def refuse(wanted):
    (name,) = wanted.model_dump(exclude_unset=True)
    raise InvalidRequest("it can't be compiled", param=f"structured_outputs.{name}")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body", "param"), ASKED)
async def test_bounds_are_checked_before_the_first_token(served, path, body, param, stream):
    async with served() as (client, engine):
        response = await client.post(path, json=body | ({"stream": stream} if path != "/reason" else {}))
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (422 if path == "/reason" else 400, param)
        assert error["type"] == "invalid_request_error"
        assert engine.requests == []


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/reason", {"prompt": "hi", "structured_outputs": {"regex": "("}}, "structured_outputs.regex"),
        ("/v1/chat/completions", CHAT | {"response_format": as_schema({})}, "response_format.json_schema.schema"),
        ("/v1/chat/completions", CHAT | {"response_format": {"type": "json_object"}}, "response_format"),
        ("/v1/chat/completions", CHAT | {"structured_outputs": {"choice": ["a"]}}, "structured_outputs.choice"),
        ("/v1/responses", {"input": "hi", "text": {"format": {"type": "json_object"}}}, "text.format"),
        ("/v1/responses", {"input": "hi", "structured_outputs": {"regex": "("}}, "structured_outputs.regex"),
    ],
)
async def test_what_the_engine_can_not_compile_is_refused_before_the_first_token(served, path, body, param):
    async with served() as (client, engine):
        engine.check_structured = refuse
        response = await client.post(path, json=body)
        assert (response.status_code, response.json()["error"]["param"]) == (422 if path == "/reason" else 400, param)
        assert engine.requests == []
        plain = await client.post("/v1/chat/completions", json=CHAT)
        assert plain.status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/reason", {"prompt": "hi", "structured_outputs": {"json_object": True}}, "structured_outputs"),
        ("/v1/chat/completions", CHAT | {"response_format": as_schema({})}, "response_format"),
        ("/v1/responses", {"input": "hi", "text": {"format": {"type": "json_object"}}}, "text.format"),
    ],
)
async def test_an_engine_without_grammars_says_so_of_the_field_that_was_sent(served, path, body, param):
    async with served() as (client, engine):
        engine.unsupported = {"structured_outputs": "do that: take another"}
        error = (await client.post(path, json=body)).json()["error"]
        assert (error["param"], engine.requests) == (param, [])
        assert error["message"] == "the fake engine can't do that: take another"
        assert param == "structured_outputs" or "structured_outputs" not in json.dumps(error)


async def test_plain_requests_pass_by_those_that_wait_for_a_compiler(served):
    held = threading.Event()
    async with served() as (client, engine):
        engine.check_structured = lambda wanted: held.wait(30)
        structured = {"prompt": "hi", "structured_outputs": {"choice": ["a"]}}
        waiting = [asyncio.create_task(client.post("/reason", json=structured)) for _ in range(40)]
        try:
            plain = await client.post("/v1/chat/completions", json=CHAT)
            assert (plain.status_code, [task for task in waiting if task.done()]) == (200, [])
        finally:
            held.set()
        assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}
