"""`anytime worker`: vLLM's route from any engine."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from anytime_server.api import ServerSettings
from anytime_server.controller import BudgetPolicy
from anytime_server.engines import EngineLoad, Thinking
from anytime_server.engines.vllm.wire import WirePolicy
from anytime_server.worker.app import create_worker
from fakes import EOS, FakeEngine, fake_format, scripted
from live import serve

ROUTE = "/inference/v1/generate"
IDLE = EngineLoad(0, 0, 0.0)


@pytest.fixture
def engine():
    return FakeEngine(scripted("1; 2; 3; 4; ", "Four."), max_model_len=256)


@pytest.fixture
async def client(engine):
    async with serve(create_worker(engine, ServerSettings())) as client:
        yield client


def body(engine, **changes):
    format = fake_format(engine)
    policy = WirePolicy.of(Thinking(BudgetPolicy(5), format)).dump()
    params = {"max_tokens": 40, "stop_token_ids": [EOS], "ignore_eos": True, "logprobs": 0, "extra_args": policy}
    params |= changes.pop("sampling_params", {})
    ids = engine.tokenizer.encode("How many?<think>")
    return {"token_ids": ids, "sampling_params": params, "stream": True, **changes}


async def events(response):
    lines = [line async for line in response.aiter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [line.removeprefix("data: ") for line in lines]


async def test_the_stream_is_that_of_vllm(client, engine):
    async with client.stream("POST", ROUTE, json=body(engine)) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        *said, done = await events(response)
    assert done == "[DONE]"
    *told, last = [json.loads(each) for each in said]
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 10)
    assert last["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    choices = [each["choices"][0] for each in told]
    tokens = [token for choice in choices for token in choice["token_ids"]]
    assert engine.tokenizer.decode(tokens) == "1; 2;..</think>Four.<end>"
    assert last["usage"]["completion_tokens"] == len(tokens)
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    content = [entry for choice in choices for entry in choice["logprobs"]["content"]]
    assert [(entry["token_id"], entry["logprob"]) for entry in content] == [(token, -0.1) for token in tokens]
    assert content[0]["top_logprobs"] == [{"token_id": tokens[0], "logprob": -0.1}]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"token_ids": []}, "token_ids"),
        ({"token_ids": [-1]}, "token_ids.0"),
        ({"token_ids": [5, 10**6]}, "token_ids"),
        ({"token_ids": "text"}, "token_ids"),
        ({"stream": False}, "stream"),
        ({"model": "another"}, "model"),
        ({"cache_salt": "x"}, "cache_salt"),
        ({"sampling_params": {"max_tokens": 0}}, "sampling_params.max_tokens"),
        ({"sampling_params": {"max_tokens": 10_000}}, "sampling_params.max_tokens"),
        ({"sampling_params": {"n": 2}}, "sampling_params.n"),
        ({"sampling_params": {"temperature": float(-1)}}, "sampling_params.temperature"),
        ({"sampling_params": {"repetition_penalty": 1.1}}, "sampling_params.repetition_penalty"),
        ({"sampling_params": {"stop_token_ids": [5]}}, "sampling_params.stop_token_ids"),
        ({"sampling_params": {"ignore_eos": False}}, "sampling_params.ignore_eos"),
        ({"sampling_params": {"extra_args": {"other": 1}}}, "sampling_params.extra_args"),
        ({"sampling_params": {"extra_args": {"anytime_thinking": {"budget": 1}}}}, "sampling_params.extra_args"),
    ],
)
async def test_what_it_can_not_do_is_refused_by_its_name(client, engine, changes, param):
    response = await client.post(ROUTE, json=body(engine, **changes))
    assert response.status_code == 422
    assert response.json()["error"]["param"] == param
    assert not engine.requests


@pytest.mark.parametrize(
    "change",
    [{"trunk": 999}, {"closing": [10**6]}, {"cue": [-1]}, {"budget": "5"}, {"open": ""}],
)
async def test_a_policy_that_is_none_is_refused(client, engine, change):
    wanted = body(engine)
    wanted["sampling_params"]["extra_args"]["anytime_thinking"] |= change
    response = await client.post(ROUTE, json=wanted)
    assert response.status_code == 422
    assert response.json()["error"]["param"].startswith("sampling_params.extra_args")
    assert not engine.requests


async def test_what_is_no_json_is_refused(client):
    assert (await client.post(ROUTE, content="{")).status_code in (415, 422)
    assert (await client.post(ROUTE, content="[]", headers={"Content-Type": "application/json"})).status_code == 422


async def test_a_trunk_at_the_end_of_the_prompt_is_gone_on_from(client, engine):
    format = fake_format(engine)
    trunk = engine.tokenizer.encode("1; 2")
    wanted = body(engine)
    wanted["token_ids"] += trunk
    policy = WirePolicy.of(Thinking(BudgetPolicy(8), format, tuple(trunk))).dump()
    wanted["sampling_params"]["extra_args"] = policy
    async with client.stream("POST", ROUTE, json=wanted, headers={"X-Session-ID": "s1"}) as response:
        said = [json.loads(each) for each in (await events(response))[:-1]]
    tokens = [token for each in said for choice in each["choices"] for token in choice["token_ids"]]
    assert engine.tokenizer.decode(tokens) == "; 3;..</think>Four.<end>"
    assert (engine.requests[0].session_id, engine.requests[0].thinking.trunk_ids) == ("s1", tuple(trunk))


async def test_whoever_leaves_aborts_the_request(client, engine):
    engine.pause_s = 0.01
    async with client.stream("POST", ROUTE, json=body(engine)) as response:
        await anext(response.aiter_lines())
        assert engine.load() != IDLE
        assert (await client.get("/load")).json() == {"server_load": 1}
    async with asyncio.timeout(10):
        while engine.load() != IDLE:
            await asyncio.sleep(0.01)


async def test_an_engine_that_is_down_can_take_nothing_now(client, engine):
    engine.dead = True
    response = await client.post(ROUTE, json=body(engine))
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert (await client.get("/health")).status_code == 503


async def test_an_engine_that_dies_on_the_way_is_told_in_the_stream(client, engine):
    engine.pause_s = 0.01
    async with client.stream("POST", ROUTE, json=body(engine)) as response:
        lines = response.aiter_lines()
        await anext(lines)
        engine.dead = True
        rest = [line async for line in lines if line]
    error = json.loads(rest[-2].removeprefix("data: "))["error"]
    assert (error["code"], error["type"]) == (500, "engine_error")
    assert rest[-1] == "data: [DONE]"


async def test_it_tells_its_model_tokenizer_and_version(client, engine):
    (card,) = (await client.get("/v1/models")).json()["data"]
    assert (card["id"], card["max_model_len"], card["anytime"]["block_size"]) == ("fake-model", 256, 16)
    ids = (await client.post("/tokenize", json={"prompt": "a<think>", "add_special_tokens": False})).json()["tokens"]
    assert ids == engine.tokenizer.encode("a<think>")
    assert (await client.get("/version")).json()["version"]
    assert (await client.get("/health")).status_code == 200


async def test_keys_guard_everything_but_probes(engine):
    key = "0123456789abcdef"
    async with serve(create_worker(engine, ServerSettings(api_keys=(key,)))) as client:
        for method, path in (("POST", ROUTE), ("GET", "/v1/models"), ("POST", "/tokenize")):
            assert (await client.request(method, path, json={})).status_code == 401
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "remote"], "a worker generates by itself"),
        (["--host", "0.0.0.0", "--port", "0"], "set ANYTIME_API_KEYS"),
        (["--engine-arg", "nonsense"], "KEY=VALUE"),
        (["--model", "/no/such/folder", "--port", "0"], "there is no /no/such/folder"),
    ],
)
def test_what_can_not_start_is_told_in_a_line(arguments, message):
    import typer

    from anytime_server.worker import worker

    app = typer.Typer()
    app.command()(worker)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
