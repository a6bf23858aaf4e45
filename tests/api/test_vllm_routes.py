"""The routes of vLLM's server beside OpenAI's."""

from importlib.metadata import version

import pytest
from prometheus_client import CollectorRegistry, Counter

PROBES = [("GET", "/health"), ("GET", "/ping"), ("POST", "/ping"), ("HEAD", "/health")]


@pytest.mark.parametrize(("method", "path"), PROBES)
async def test_probes_follow_the_engine(served, method, path):
    async with served(app={"api_keys": ("a-secret-key-of-the-server",)}) as (client, engine):
        response = await client.request(method, path)
        assert (response.status_code, response.content) == (200, b"")
        engine.dead = True
        assert (await client.request(method, path)).status_code == 503


async def test_the_version_is_told_to_everybody(served):
    async with served(app={"api_keys": ("a-secret-key-of-the-server",)}) as (client, _):
        assert (await client.get("/version")).json() == {"version": version("anytime-reasoning")}


async def test_a_text_becomes_tokens_and_back(served):
    async with served() as (client, _):
        told = (await client.post("/tokenize", json={"prompt": "aé", "model": "fake-model"})).json()
        assert told == {"count": 3, "max_model_len": 4096, "tokens": [97, 195, 169], "token_strs": None}
        back = await client.post("/detokenize", json={"model": "fake-model", "tokens": told["tokens"]})
        assert back.json() == {"prompt": "aé"}
        named = (await client.post("/tokenize", json={"prompt": "ab", "return_token_strs": True})).json()
        assert named["token_strs"] == ["a", "b"]


async def test_a_text_by_itself_begins_as_the_tokenizer_begins_texts(served):
    async with served() as (client, engine):
        engine.tokenizer.encode_whole = lambda text: [1, *engine.tokenizer.encode(text)]
        for fields, tokens in (
            ({}, [1, 97]),
            ({"add_special_tokens": True}, [1, 97]),
            ({"add_special_tokens": False}, [97]),
        ):
            assert (await client.post("/tokenize", json={"prompt": "a", **fields})).json()["tokens"] == tokens
            body = {"prompt": "a", "max_tokens": 1, **fields}
            assert (await client.post("/v1/completions", json=body)).status_code == 200
            assert [*engine.requests[-1].prompt_ids] == tokens


async def test_a_conversation_is_counted_as_it_is_answered(served):
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "count", "type": "text"}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    async with served() as (client, engine):
        for body in ({"messages": messages}, {"messages": messages, "tools": tools}):
            told = (await client.post("/tokenize", json={**body, "add_generation_prompt": True})).json()
            answered = (await client.post("/v1/chat/completions", json=body)).json()
            assert told["tokens"] == [*engine.requests[-1].prompt_ids]
            assert told["count"] == answered["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}, "prompt"),
        ("/tokenize", {"messages": []}, "messages"),
        ("/tokenize", {"messages": [{"role": "assistant", "content": "x"}]}, "messages.0"),
        ("/tokenize", {"prompt": "x", "model": "gpt-9"}, "model"),
        ("/tokenize", {"prompt": "x", "add_generation_prompt": False}, "add_generation_prompt"),
        ("/detokenize", {"tokens": [-1]}, "tokens.0"),
        ("/detokenize", {"tokens": [10**9]}, "tokens"),
        ("/detokenize", {"tokens": "x"}, "tokens"),
        ("/detokenize", {"tokens": [], "model": "gpt-9"}, "model"),
    ],
)
async def test_each_error_names_its_field(served, route, body, param):
    async with served() as (client, _):
        response = await client.post(route, json=body)
        assert (response.status_code, response.json()["error"]["param"]) == (422, param)


async def test_the_tokens_of_a_text_need_a_key_where_the_server_has_keys(served):
    async with served(app={"api_keys": ("a-secret-key-of-the-server",)}) as (client, _):
        assert (await client.post("/tokenize", json={"prompt": "x"})).status_code == 401
        assert (await client.post("/v1/completions", json={"prompt": "x"})).status_code == 401


async def test_the_engines_own_metrics_stand_beside_ours(served):
    async with served() as (client, engine):
        assert "vllm:" not in (await client.get("/metrics")).text
        registry = CollectorRegistry()
        Counter("vllm:prompt_tokens", "Prefill tokens", ["model_name"], registry=registry).labels("fake-model").inc(3)
        engine.registries = (registry,)
        text = (await client.get("/metrics")).text
        assert 'vllm:prompt_tokens_total{model_name="fake-model"} 3.0' in text
        assert "anytime_sessions_in_flight 0.0" in text
