"""Extreme values in every place of every route: the client is told, the server is never at fault.

The requests are drawn at random with a fixed seed. What they cost is bounded by the bytes that come back.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anytime_client.protocol import ReasonRequest
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.responses.request import ResponsesRequest
from searches import examples

LARGEST_ERROR = 10_000
EXAMPLES = 150

NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**63, 10**400, -(10**400), 1e308, 5e-324, float("inf"), float("nan")]
WORDS = [
    "",
    " ",
    "\0",
    "\ud800",
    "x" * 20_000,
    "\U0001f600" * 5000,
    "[" * 3000,
    "9" * 5000,
    "<|end|></think>",
    "\u2028",
]
CONTAINERS = [[], {}, [[]], [None] * 3000, {"a": {}}, {f"k{i}": i for i in range(3000)}, {"\ud800": "\udfff"}]
SCHEMAS = [{"a": "\ud800"}, {"a": float("nan")}, {"type": "object", "properties": {"a": {"type": "string"}}}]
EXTREMES = [*NUMBERS, *WORDS, *CONTAINERS, *SCHEMAS, None, True, False]

values = st.sampled_from(EXTREMES) | st.lists(st.sampled_from(EXTREMES), max_size=3)
functions = st.fixed_dictionaries({"name": st.just("f")}, optional={"parameters": values, "description": values})
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "assistant", "tool"]), "content": st.just("x") | values},
        optional={"name": values, "reasoning_content": values, "tool_calls": values, "tool_call_id": values},
    ),
    min_size=1,
    max_size=3,
)
RIGHT = {
    "messages": messages,
    "tools": st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": functions}), max_size=2),
    "interim": st.fixed_dictionaries({}, optional={"max_tokens": values, "samples": values, "temperature": values}),
    "structured_outputs": st.dictionaries(st.sampled_from(["json", "regex", "choice", "grammar"]), values, max_size=1),
    "checkpoints": st.lists(st.sampled_from(NUMBERS), max_size=4),
    "stop": st.lists(st.sampled_from(WORDS), max_size=4),
    "metadata": values,
}
"""Fields whose extremes are more often inside than at the surface."""

QUESTIONS = {
    "/reason": (ReasonRequest, {"prompt": "x"}),
    "/v1/chat/completions": (ChatRequest, {"messages": [{"role": "user", "content": "x"}]}),
    "/v1/responses": (ResponsesRequest, {"input": "x"}),
}


def bodies(model, question):
    """Bodies that are right but for a few fields."""
    names = [field.alias or name for name, field in model.model_fields.items()] + ["metadata", "unknown", "\ud800"]
    fields = {name: RIGHT.get(name, values) | values for name in names if name not in ("stream", "background")}
    some = st.lists(st.sampled_from([*fields]), min_size=1, max_size=4, unique=True)
    return some.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names})).map(
        lambda drawn: {**question, "budget": 2, **drawn}
    )


@pytest.mark.parametrize("route", QUESTIONS)
async def test_no_body_is_a_fault_of_the_server(served, route):
    drawn = []

    @settings(
        max_examples=examples(EXAMPLES),
        derandomize=True,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        database=None,
    )
    @given(bodies(*QUESTIONS[route]))
    def draw(body):
        drawn.append(json.dumps(body))

    draw()
    async with served() as (client, engine):
        for body in drawn:
            response = await client.post(route, content=body, headers={"content-type": "application/json"})
            assert response.status_code < 500, body[:2000]
            if response.status_code >= 400:
                assert len(response.content) < LARGEST_ERROR, body[:2000]
                assert response.json()["error"]["message"], body[:2000]
        assert engine.active == set()


TEXTS = ["-1", "0", "+0", "9" * 13, "9" * 5000, "1e9", "NaN", "x" * 20_000, "%00", "%ed%a0%80", "%ff", "", "1&budget=1"]
QUERIES = [
    ("POST", "/reason", "budget"),
    ("POST", "/reason", "stream"),
    ("POST", "/v1/chat/completions", "thinking_budget"),
    ("GET", "/reason/{id}/events", "starting_after"),
    ("POST", "/reason/{id}/extend", "budget"),
    ("GET", "/reason/{id}", "unknown"),
    ("POST", "/reason/{id}/answer_now", "unknown"),
    ("GET", "/v1/models", "unknown"),
    ("GET", "/v1/models/{id}", "unknown"),
    ("DELETE", "/reason/{id}", "unknown"),
]


@pytest.mark.parametrize(("method", "path", "name"), QUERIES, ids=[f"{path}?{name}" for _, path, name in QUERIES])
async def test_no_query_and_no_id_is_a_fault_of_the_server(served, method, path, name):
    async with served() as (client, _):
        id = (await client.post("/reason?budget=2", json={"prompt": "x"})).json()["id"]
        body = {"prompt": "x"} if path == "/reason" else {"messages": [{"role": "user", "content": "x"}]}
        for text in TEXTS:
            for each in (id, "9" * 5000, "%00", "%ed%a0%80"):
                url = f"{path.format(id=each)}?{name}={text}"
                response = await client.request(method, url, json=body if method == "POST" else None)
                assert response.status_code < 500, url[:200]
                if response.status_code >= 400:
                    assert len(response.content) < LARGEST_ERROR, url[:200]


HEADERS = ["Idempotency-Key", "Last-Event-ID", "X-Request-Id", "Accept", "Content-Type", "Authorization", "Host"]


@pytest.mark.parametrize("header", HEADERS)
async def test_no_header_is_a_fault_of_the_server(served, header):
    async with served() as (client, _):
        id = (await client.post("/reason?budget=2", json={"prompt": "x"})).json()["id"]
        for value in (b"", b"9" * 5000, b"x" * 20_000, b"\xff\xfe", b"-1", "\u00b2".encode(), b"a\tb", b"[::1"):
            for method, path in (("POST", "/reason?budget=2"), ("GET", f"/reason/{id}/events"), ("GET", "/v1/models")):
                content = b'{"prompt": "x"}' if method == "POST" else None
                headers = {"Content-Type": b"application/json", header: value}
                response = await client.request(method, path, content=content, headers=headers)
                assert response.status_code < 500, (path, value[:20])
                assert response.status_code < 400 or len(response.content) < LARGEST_ERROR


@pytest.mark.parametrize("field", ["deadline_ms", "budget", "top_k", "seed", "max_answer_tokens", "grace_ms"])
@pytest.mark.parametrize("digits", [11, 400, 4299, 5000])
async def test_a_number_of_many_digits_is_the_clients_mistake(served, field, digits):
    async with served() as (client, _):
        for route, (_, question) in QUESTIONS.items():
            body = json.dumps({**question, field: 7})[:-2] + "9" * digits + "}"
            response = await client.post(route, content=body, headers={"content-type": "application/json"})
            taken = field == "seed" and digits == 11
            unknown = field == "grace_ms" and route != "/reason"
            assert response.status_code in ((200,) if taken else (400, 422)), (route, response.text[:300])
            if not taken:
                message = response.json()["error"]["message"]
                assert len(message) < 400
                assert unknown or "less than" in message or "digits" in message
