"""What may stand in a JSON body, and how JSON goes out over a stream."""

import json

import pytest

from anytime_server.api.bounded_route import LARGE_BYTES
from anytime_server.api.sse import on_one_line
from fakes import EOS, SPECIAL

JSON = {"content-type": "application/json"}
BREAKS = "\x85\u2028\u2029"
QUESTIONS = {
    "/reason": {"prompt": "count"},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "count"}]},
    "/v1/responses": {"input": "count"},
    "/v1/completions": {"prompt": "count"},
    "/tokenize": {"prompt": "count"},
}


def body_with(route, *models):
    """A question by a route that names these models."""
    named = "".join(f', "model": "{model}"' for model in models)
    return json.dumps(QUESTIONS[route]).removesuffix("}") + named + "}"


@pytest.mark.parametrize("route", QUESTIONS)
async def test_a_key_with_two_values_is_refused_by_its_name(served, route):
    async with served() as (client, engine):
        response = await client.post(route, content=body_with(route, "fake-model", "other"), headers=JSON)
        error = response.json()["error"]
        assert response.status_code in (400, 422)
        assert (error["type"], error["param"]) == ("invalid_request_error", "model")
        assert '"fake-model"' in error["message"]
        assert '"other"' in error["message"]
        assert engine.requests == []


@pytest.mark.parametrize("route", QUESTIONS)
async def test_a_key_with_one_value_twice_is_fine(served, route):
    async with served() as (client, _):
        assert (
            await client.post(route, content=body_with(route, "fake-model", "fake-model"), headers=JSON)
        ).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"prompt": "a", "prompt": "b"}',
        '{"prompt": "a", "budget": 5, "budget": 50}',
        '{"prompt": "a", "budget": 5, "budget": null}',
        '{"prompt": "a", "interim": {"samples": 1, "samples": 2}}',
        '{"prompt": "a", "stop_when": {"stable": 2}, "stop_when": {"stable": 3}}',
        '{"messages": [{"role": "user", "role": "system", "content": "x"}]}',
        f'{{"prompt": "{"y" * LARGE_BYTES}", "stream": true, "stream": false}}',
    ],
    ids=lambda body: body[-50:],
)
async def test_keys_are_looked_at_wherever_they_stand(served, body):
    async with served(max_model_len=200_000) as (client, engine):
        response = await client.post("/reason", content=body, headers=JSON)
        assert response.status_code == 422
        assert "given twice" in response.json()["error"]["message"]
        assert engine.requests == []


@pytest.mark.parametrize("body", [b"{", b'{"a": 1,}', b"[" * 100_000, b"\xff\xfe{\x00", b""])
async def test_what_is_no_json_is_refused_as_before(served, body):
    async with served() as (client, _):
        assert (await client.post("/reason", content=body, headers=JSON)).status_code in (400, 422)


def test_json_stays_the_same_on_one_line():
    for text in (f"a{BREAKS}b", "plain", "ä\n"):
        written = on_one_line(json.dumps(text, ensure_ascii=False))
        assert json.loads(written) == text
        assert len(written.splitlines()) == 1


def writing(text):
    """A model that thinks nothing and writes `text`, byte by byte."""
    script = [*text.encode(), EOS]

    def prefer(ids, seed):
        closed = [at for at, token in enumerate(ids) if token == SPECIAL["</think>"]]
        return [script[len(ids) - closed[-1] - 1] if closed else SPECIAL["</think>"]]

    return prefer


@pytest.mark.parametrize("route", ["/reason", "/v1/chat/completions", "/v1/responses"])
async def test_no_stream_has_a_line_break_inside_of_an_event(served, route):
    serving = served()
    serving.engine._prefer = writing(f"so{BREAKS}4")
    async with serving as (client, _):
        async with client.stream("POST", route, json={**QUESTIONS[route], "stream": True}) as response:
            lines = [line async for line in response.aiter_lines()]
        data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
        assert all(line.partition(":")[0] in ("", "id", "event", "data") for line in lines)
        assert all(character in json.dumps(data, ensure_ascii=False) for character in BREAKS)
