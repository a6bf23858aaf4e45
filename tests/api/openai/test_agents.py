"""Agents on /v1/responses: requests in the shape of Codex'."""

import json

import pytest

RESPONSES = "/v1/responses"
SHELL = {
    "type": "function",
    "name": "shell",
    "description": "Runs a command",
    "strict": False,
    "parameters": {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}},
}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin end"},
}
CODEX = {
    "model": "fake-model",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Sandboxed."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "count"}], "id": "m1"},
    ],
    "tools": [SHELL, PATCH, {"type": "web_search", "external_web_access": False}],
    "tool_choice": "auto",
    "reasoning": {"effort": "low", "summary": "auto", "generate_summary": "concise"},
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "thread",
    "service_tier": "auto",
    "truncation": "auto",
    "max_tool_calls": 5,
    "client_metadata": {"x": "y"},
    "text": {"verbosity": "medium"},
    "metadata": {},
}


def call(name, arguments):
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def events_in(text):
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


async def test_a_request_of_codex_is_answered(served):
    async with served() as (client, engine):
        response = await client.post(RESPONSES, json=CODEX)
        assert response.status_code == 200, response.text
        last = events_in(response.text)[-1]
        assert last["type"] == "response.completed"
        assert [tool["name"] for tool in last["response"]["tools"]] == ["shell", "apply_patch"]
        assert last["response"]["anytime"]["tools_left_out"] == ["web_search"]
        prompt = engine.tokenizer.decode(engine.requests[0].prompt_ids)
        assert "start: begin end" in prompt
        assert "web_search" not in prompt


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_custom_tool_is_called_with_text(served, streamed):
    patch = "*** Begin Patch\n*** End Patch"
    answer = call("apply_patch", {"input": patch}) + call("shell", {"command": ["ls"]})
    async with served(answer=answer) as (client, _):
        response = await client.post(RESPONSES, json={**CODEX, "stream": streamed})
        assert response.status_code == 200, response.text
        output = events_in(response.text)[-1]["response"]["output"] if streamed else response.json()["output"]
        custom, function = output[-2:]
        assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "apply_patch", patch)
        assert (function["type"], json.loads(function["arguments"])) == ("function_call", {"command": ["ls"]})
        if streamed:
            told = [event for event in events_in(response.text) if "custom_tool_call_input" in event["type"]]
            assert [event["type"].rpartition(".")[2] for event in told] == ["delta", "done"]
            assert (told[0]["delta"], told[1]["input"]) == (patch, patch)


async def test_the_calls_and_their_results_go_into_the_next_input(served):
    async with served(answer=call("apply_patch", {"input": "p"})) as (client, engine):
        first = (await client.post(RESPONSES, json={**CODEX, "stream": False})).json()
        made = first["output"][-1]
        result = {"type": "custom_tool_call_output", "call_id": made["call_id"], "output": "patched", "id": "x"}
        again = {**CODEX, "input": [*CODEX["input"], *first["output"], result]}
        response = await client.post(RESPONSES, json=again)
        assert response.status_code == 200, response.text
        prompt = engine.tokenizer.decode(engine.requests[-1].prompt_ids)
        assert '{"input": "p"}' in prompt
        assert prompt.endswith("tool: patched\n<think>")


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "image_generation", "local_shell"])
async def test_a_tool_that_nobody_runs_is_left_out_beside_others_and_refused_alone(served, kind):
    async with served() as (client, engine):
        alone = await client.post(RESPONSES, json={"input": "count", "tools": [{"type": kind}]})
        assert (alone.status_code, alone.json()["error"]["param"]) == (400, "tools")
        assert kind in alone.json()["error"]["message"]
        assert engine.requests == []
        beside = await client.post(RESPONSES, json={"input": "count", "tools": [{"type": kind}, SHELL]})
        assert beside.json()["anytime"]["tools_left_out"] == [kind]


@pytest.mark.parametrize("kind", ["file_search", "mcp", "code_interpreter", "computer_use_preview"])
async def test_a_tool_that_the_answer_would_depend_on_is_refused(served, kind):
    async with served() as (client, engine):
        response = await client.post(RESPONSES, json={"input": "count", "tools": [SHELL, {"type": kind}]})
        assert response.status_code == 400
        assert response.json()["error"]["param"].startswith("tools.1")
        assert engine.requests == []


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "not stored"),
        ({"include": ["message.output_text.logprobs"]}, "include", "leave it out"),
        ({"truncation": "some"}, "truncation", "nothing is truncated"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary", "Input should be"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "reasoning.effort", "different budgets"),
    ],
)
async def test_what_would_change_something_is_refused(served, fields, param, message):
    async with served() as (client, engine):
        response = await client.post(RESPONSES, json={"input": "count", **fields})
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (400, param)
        assert message in error["message"]
        assert engine.requests == []


async def test_a_budget_by_the_words_of_other_apis(served):
    async with served() as (client, _):
        for fields, budget in (
            ({"thinking": {"type": "enabled", "budget_tokens": 7}}, 7),
            ({"enable_thinking": False}, 0),
            ({"reasoning_effort": "low"}, 512),
            ({"reasoning": {"effort": "low"}, "reasoning_effort": "low"}, 512),
        ):
            response = await client.post(RESPONSES, json={"input": "count", **fields})
            assert response.json()["anytime"]["budget"]["requested"] == budget
