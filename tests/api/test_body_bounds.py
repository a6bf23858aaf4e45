"""What a body may hold, checked before it costs; work is counted in values, findings and bytes."""

import json
from unittest import mock

import pytest
from pydantic import ValidationError

from anytime_client.protocol import ReasonRequest, bounds
from anytime_server.api import errors
from anytime_server.api.json_bounds import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, check_structure
from anytime_server.errors import InvalidRequest

JSON = {"content-type": "application/json"}
MANY = 20_000
ROUTES = ["/reason", "/v1/chat/completions", "/v1/responses"]
LARGEST_RESPONSE = 10_000

BAD_BODIES = {
    "unknown fields": {"prompt": "a", **{f"k{i}": 1 for i in range(MANY)}},
    "a field with a long name": {"prompt": "a", "k" * MANY: 1},
    "tools": {"prompt": "a", "tools": [1] * MANY},
    "bad tools": {"prompt": "a", "tools": [{"x": 1}] * bounds.MAX_TOOLS},
    "stops": {"prompt": "a", "stop": [1] * MANY},
    "messages": {"messages": [{"x": 1}] * MANY},
    "bad messages": {"messages": [{"x": 1}] * bounds.MAX_MESSAGES},
    "parts": {"messages": [{"role": "user", "content": [{}] * MANY}]},
    "bad parts": {"messages": [{"role": "user", "content": [{}] * bounds.MAX_PARTS}] * 50},
    "fields of a part": {"messages": [{"role": "user", "content": [{f"k{i}": 1 for i in range(MANY)}]}]},
    "calls": {"messages": [{"role": "assistant", "tool_calls": [1] * MANY}]},
    "checkpoints": {"prompt": "a", "checkpoints": [-1] * MANY},
    "choices": {"prompt": "a", "structured_outputs": {"choice": [1] * MANY}},
    "a list as the body": [1] * MANY,
    "a long model": {"prompt": "a", "messages": [{"role": "user", "content": "a"}], "model": "m" * 200_000},
    "a long role": {"messages": [{"role": "r" * 200_000, "content": "a"}]},
    "a long kind of part": {"messages": [{"role": "user", "content": [{"type": "t" * 200_000}]}]},
    "a long budget": {"prompt": "a", "budget": "9" * 200_000},
    "long budgets": {"prompt": "a", "budget": "9" * 200_000, "thinking_budget": "8" * 200_000},
    "a neutral field": {"messages": [{"role": "user", "content": "a"}], "logit_bias": {"t" * 200_000: 1}},
    "input": {"input": [1] * MANY},
    "bad input": {"input": [{"type": "t" * 200_000}]},
}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_bad_body_gets_a_short_answer(served, route):
    async with served() as (client, engine):
        for name, body in BAD_BODIES.items():
            response = await client.post(route, content=json.dumps(body), headers=JSON)
            assert response.status_code in (400, 404, 413, 422), name
            assert len(response.content) < LARGEST_RESPONSE, name
        assert engine.requests == []


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_has_few_findings(name):
    with pytest.raises(ValidationError) as refused:
        ReasonRequest.model_validate(BAD_BODIES[name])
    assert refused.value.error_count() <= bounds.MAX_FIELDS + 10


async def test_of_many_findings_the_first_are_described_and_the_rest_counted(served):
    async with served() as (client, _):
        body = {"prompt": "a", **{f"bugdet{i}": 1 for i in range(100)}}
        with mock.patch.object(errors.difflib, "get_close_matches", wraps=errors.difflib.get_close_matches) as guess:
            error = (await client.post("/reason", json=body)).json()["error"]
        assert error["param"] == "bugdet0"
        assert error["message"].count("unknown field") == errors.DESCRIBED
        assert error["message"].endswith("and 90 more")
        assert guess.call_count <= errors.DESCRIBED


async def test_the_remedy_at_the_end_of_a_long_message_stays(served):
    async with served() as (client, _):
        error = (await client.post("/v1/chat/completions", json={"messages": [], "model": "m" * 10_000})).json()[
            "error"
        ]
        assert "messages" in error["message"]
        body = {"messages": [{"role": "user", "content": "x"}], "modalities": ["text", "a" * 10_000]}
        assert error["message"]
        message = (await client.post("/v1/chat/completions", json=body)).json()["error"]["message"]
        assert "leave it out" in message
        assert len(message) < LARGEST_RESPONSE


TOO_MUCH = {
    "values": (b"[" + b"1," * MAX_VALUES + b"1]", "JSON values"),
    "strings": (b"[" + b'"",' * (MAX_VALUES * 2) + b'""]', "JSON values"),
    "objects": (b"[" + b"{}," * MAX_VALUES + b"{}]", "JSON values"),
    "members": (json.dumps({f"k{i}": 1 for i in range(MAX_VALUES + 1)}).encode(), "JSON values"),
    "values after an escaped quote": (rb'["\"",' + b"1," * MAX_VALUES + b"1]", "JSON values"),
    "values after a backslash": (rb'["\\",' + b"1," * MAX_VALUES + b"1]", "JSON values"),
    "depth": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "inside each other"),
    "depth that is never closed": (b'{"a":' * 100_000, "inside each other"),
    "digits": (b'{"budget": ' + b"9" * (MAX_DIGITS + 1) + b"}", "digits"),
    "digits of a fraction": (b'{"top_p": 0.' + b"9" * 5000 + b"}", "digits"),
    "another encoding": ('{"prompt": "x"}'.encode("utf-16"), "UTF-8"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_structure_beyond_the_bounds_is_refused_and_says_which(name):
    body, message = TOO_MUCH[name]
    with pytest.raises(InvalidRequest, match=message):
        check_structure(body)


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_measures_its_body(served, route):
    async with served() as (client, engine):
        for body, message in TOO_MUCH.values():
            response = await client.post(route, content=body, headers=JSON)
            assert response.status_code in (400, 422)
            assert message in response.json()["error"]["message"]
        assert engine.requests == []


TEXTS = ["[" * 500, "1," * (2 * MAX_VALUES), "9" * 5000, '"' * 1000, "\\" * 1000, '\\"[' * 1000, "{\u2200}" * 200, "\0"]


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text[:3]) for text in TEXTS])
@pytest.mark.parametrize("ascii", [True, False])
def test_what_a_text_spells_is_no_structure(text, ascii):
    check_structure(json.dumps({"prompt": text}, ensure_ascii=ascii).encode())


def test_the_bounds_themselves_are_allowed():
    check_structure(b"[" + b"1," * (MAX_VALUES - 2) + b"1]")
    check_structure(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    check_structure(b"9" * MAX_DIGITS)
