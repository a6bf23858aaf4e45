"""Requests as the clients of other servers send them: accepted where nothing is lost, else refused with the remedy."""

import json

import pytest

USER = {"role": "user", "content": "count"}
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "4"}


def prompt_of(engine):
    return engine.tokenizer.decode(engine.requests[-1].prompt_ids)


async def spent_by(client, **fields):
    response = await client.post(CHAT, json={"messages": [USER], **fields})
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["anytime"]["budget"]["requested"]


ACCEPTED_MESSAGES = [
    [{**USER, "type": "text"}],
    [{**USER, "type": "message", "id": "m1", "status": "completed"}],
    [{"role": "user", "content": [{"type": "text", "text": "count", "cache_control": {"type": "ephemeral"}}]}],
    [{"role": "system", "content": "x", "cache_control": {"type": "ephemeral"}}, USER],
    [USER, {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0}]}, RESULT],
    [USER, {"role": "assistant", "content": None, "reasoning_content": "so"}, USER],
    [USER, {"role": "assistant", "content": None, "reasoning": "so"}, USER],
    [USER, {"role": "assistant", "reasoning_details": [{"type": "reasoning.text", "text": "so"}]}, USER],
    [USER, {"role": "assistant", "content": "4", "thinking_blocks": [{"type": "thinking", "thinking": "so"}]}, USER],
    [USER, {"role": "assistant", "content": "4", "refusal": None, "annotations": [], "function_call": None}, USER],
]


@pytest.mark.parametrize("messages", ACCEPTED_MESSAGES, ids=[json.dumps(case)[-60:] for case in ACCEPTED_MESSAGES])
async def test_turns_come_back_with_what_other_servers_add(served, messages):
    async with served() as (client, engine):
        response = await client.post(CHAT, json={"messages": messages})
        assert response.status_code == 200, response.text
        assert "user: count\n" in prompt_of(engine)


@pytest.mark.parametrize(
    "thought",
    [
        {"reasoning_content": "so"},
        {"reasoning": "so"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "s"}, {"type": "reasoning.text", "text": "o"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "so", "signature": "x"}]},
        {"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "4"}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "so"}]},
                {"type": "text", "text": "4"},
            ]
        },
        {"content": [{"type": "reasoning", "reasoning": "so"}, {"type": "text", "text": "4"}]},
        {"reasoning_content": "so", "reasoning": "so", "reasoning_details": [{"type": "reasoning.encrypted"}]},
    ],
    ids=str,
)
async def test_earlier_thinking_reaches_the_template_under_one_name(served, thought):
    async with served() as (client, engine):
        seen = []
        render = engine.tokenizer.render_chat
        engine.tokenizer.render_chat = lambda messages, *more: seen.append(messages) or render(messages, *more)
        turns = [USER, {"role": "assistant", "content": "4", **thought}, USER]
        assert (await client.post(CHAT, json={"messages": turns})).status_code == 200
        # The last rendering is of what was said; those before it trace where the texts arrive.
        told = seen[-1][1]
        assert (told["content"], told["reasoning_content"]) == ("4", "so")


@pytest.mark.parametrize(
    ("fields", "budget"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, 9),
        ({"thinking": {"type": "disabled"}}, 0),
        ({"thinking": {"type": "disabled", "budget_tokens": 0}}, 0),
        ({"thinking": {"type": "enabled"}}, 2048),
        ({"thinking": {"type": "adaptive"}}, 2048),
        ({"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, 512),
        ({"enable_thinking": False}, 0),
        ({"enable_thinking": True}, 2048),
        ({"enable_thinking": True, "thinking_budget": 9}, 9),
        ({"reasoning_effort": "disable"}, 0),
        ({"reasoning_effort": "auto"}, 2048),
        ({"reasoning_effort": "default"}, 2048),
        ({"reasoning_effort": {"effort": "low", "summary": "auto"}}, 512),
        ({"reasoning_effort": None, "thinking": None, "enable_thinking": None}, 2048),
        ({"thinking_token_budget": -1}, 10**7),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}, "budget": 9}, 9),
    ],
    ids=str,
)
async def test_the_budget_goes_by_the_words_of_other_apis(served, fields, budget):
    async with served() as (client, _):
        assert await spent_by(client, **fields) == budget


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 9}, "budget": 10}, "thinking.budget_tokens"),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "low"}, "thinking.type"),
        ({"enable_thinking": False, "thinking_budget": 9}, "enable_thinking"),
        ({"enable_thinking": False, "thinking": {"type": "enabled"}}, "thinking.type"),
        ({"enable_thinking": True, "reasoning_effort": "none"}, "enable_thinking"),
        ({"thinking": {"type": "enabled"}, "budget": 0}, "thinking.type"),
        ({"thinking": {"type": "disabled", "budget_tokens": 9}}, "thinking"),
        ({"thinking": {"type": "sometimes"}}, "thinking.type"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"reasoning_effort": {}}, "reasoning_effort"),
    ],
    ids=str,
)
async def test_words_that_contradict_each_other_are_refused(served, fields, param):
    async with served() as (client, engine):
        response = await client.post(CHAT, json={"messages": [USER], **fields})
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)
        assert engine.requests == []


async def test_thinking_that_is_to_be_omitted_is_not_in_the_response(served):
    async with served() as (client, _):
        thinking = {"type": "enabled", "budget_tokens": 9, "display": "omitted"}
        response = await client.post(CHAT, json={"messages": [USER], "thinking": thinking})
        assert "reasoning" not in response.json()["choices"][0]["message"]


@pytest.mark.parametrize("route", ["/reason", CHAT, "/v1/completions"])
@pytest.mark.parametrize("name", ["guided_json", "guided_regex", "guided_choice", "guided_grammar"])
async def test_older_names_of_structured_outputs_name_the_remedy(served, route, name):
    question = {"messages": [USER]} if route != "/v1/completions" else {"prompt": "x"}
    async with served() as (client, engine):
        response = await client.post(route, json={**question, name: "x"})
        error = response.json()["error"]
        assert response.status_code in (400, 422)
        assert error["param"] == name
        assert f'structured_outputs: {{"{name.removeprefix("guided_")}"' in error["message"]
        assert engine.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": -1},
        {"top_k": 0},
        {"top_k": 10**9},
        {"min_p": 0},
        {"top_p": 1},
        {"seed": -1},
        {"seed": None},
        {"max_tokens": -1},
        {"max_completion_tokens": -1},
        {"stop": []},
        {"n": 1, "best_of": 1, "use_beam_search": False, "length_penalty": 1.0, "repetition_penalty": 1.0},
        {"skip_special_tokens": True, "spaces_between_special_tokens": True, "include_stop_str_in_output": False},
        {"min_tokens": 0, "stop_token_ids": [], "prompt_logprobs": None, "echo": False, "ignore_eos": False},
        {"add_generation_prompt": True, "continue_final_message": False, "chat_template": None},
        {"request_id": "abc", "priority": 0, "return_token_ids": False, "bad_words": [], "logits_processors": None},
        {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    ],
    ids=str,
)
async def test_what_switches_a_setting_off_changes_nothing(served, fields):
    async with served() as (client, engine):
        plain = await client.post(CHAT, json={"messages": [USER]})
        response = await client.post(CHAT, json={"messages": [USER], **fields})
        assert response.status_code == 200, response.text
        assert response.json()["choices"][0]["message"] == plain.json()["choices"][0]["message"]
        assert engine.requests[-1].sampling.top_k is None
        assert engine.requests[-1].max_tokens == engine.requests[0].max_tokens


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"min_tokens": 5}, "min_budget"),
        ({"best_of": 2}, "interim.samples"),
        ({"stop_token_ids": [5]}, "stop strings"),
        ({"echo": True}, "not repeated"),
        ({"skip_special_tokens": False}, "true"),
        ({"use_beam_search": True}, "beam search"),
        ({"prompt_logprobs": 1}, "only the answer"),
        ({"frequency_penalty": True}, "penalties"),
        ({"logit_bias": {"5": -100}}, "leave it out"),
    ],
    ids=str,
)
async def test_what_would_change_something_is_refused_with_the_remedy(served, fields, remedy):
    async with served() as (client, engine):
        response = await client.post(CHAT, json={"messages": [USER], **fields})
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (400, next(iter(fields)))
        assert remedy in error["message"]
        assert engine.requests == []


async def test_a_top_k_that_cuts_is_kept_and_one_that_does_not_is_none(served):
    async with served() as (client, engine):
        for top_k, cut in ((5, 5), (10**6, None), (-1, None), (0, None)):
            response = await client.post("/reason", json={"prompt": "count", "top_k": top_k, "checkpoints": []})
            assert response.status_code == 200
            assert engine.requests[-1].sampling.top_k == cut
        assert (await client.post("/reason", json={"prompt": "count", "top_k": -2})).status_code == 422


@pytest.mark.parametrize("route", [CHAT, RESPONSES])
async def test_parallel_tool_calls_say_nothing_without_tools(served, route):
    question = {"messages": [USER]} if route == CHAT else {"input": "count"}
    async with served() as (client, _):
        for tools in ({}, {"tools": []}, {"tools": None}):
            response = await client.post(route, json={**question, **tools, "parallel_tool_calls": False})
            assert response.status_code == 200, response.text


@pytest.mark.parametrize("strict", [True, False, None])
async def test_strict_tools_are_accepted(served, strict):
    function = {"name": "f", "parameters": {"type": "object"}, "strict": strict}
    async with served() as (client, _):
        chat = {"messages": [USER], "tools": [{"type": "function", "function": function, "cache_control": {}}]}
        assert (await client.post(CHAT, json=chat)).status_code == 200
        response = {"input": "count", "tools": [{"type": "function", **function}]}
        assert (await client.post(RESPONSES, json=response)).status_code == 200


@pytest.mark.parametrize(
    ("stop", "content"), [(["\n"], "There are 4."), (["\n\n"], "There are 4.\nDone."), (" ", "There")]
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_stop_strings_are_matched_from_the_first_visible_character(served, stop, content, streamed):
    async with served(answer="\n\n There are 4.\nDone.\n\nBye.") as (client, _):
        body = {"messages": [USER], "stop": stop, "stream": streamed}
        response = await client.post(CHAT, json=body)
        if streamed:
            data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
            choices = [json.loads(chunk)["choices"][0] for chunk in data]
            text, reason = "".join(one["delta"].get("content") or "" for one in choices), choices[-1]["finish_reason"]
        else:
            choice = response.json()["choices"][0]
            text, reason = choice["message"]["content"], choice["finish_reason"]
        assert (text, reason) == (content, "stop")


async def test_a_stop_string_ends_an_answer_of_reason_after_its_first_visible_character(served):
    async with served(answer="\n\nThere are 4.\n\nDone.") as (client, _):
        document = (await client.post("/reason", json={"prompt": "count", "stop": ["\n\n"]})).json()
        assert document["answer"]["text"] == "There are 4."
