import json

import openai
import pytest

from anytime_server.api.openai.effort import EffortMap

ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "count"}]}
EFFORTS = EffortMap(minimal=3, low=7, medium=8, high=9)


async def test_a_completion_has_the_answer_the_thinking_and_the_usage(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, extra_body={"budget": 12})
        (choice,) = done.choices
        assert (done.object, done.model, choice.finish_reason, choice.index) == (
            "chat.completion", "fake-model", "stop", 0,
        )  # fmt: skip
        assert choice.message.content == "There are 4.\nAnswer: 4"
        assert choice.message.reasoning == choice.message.reasoning_content == "a=1; b=2; c="
        assert choice.anytime["budget"] == {"requested": 12, "granted": 12, "spent": 12, "limited_by": None}
        assert (choice.anytime["value"], choice.anytime["stop_reason"]) == ("4", "budget")
        usage = done.usage
        assert usage.completion_tokens_details.reasoning_tokens == 12
        assert usage.completion_tokens == engine.generated
        assert usage.prompt_tokens == engine.prefilled
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


async def test_the_synchronous_client_gets_the_same(served, in_thread):
    async with served() as (client, _):
        done = await in_thread(client, lambda oai: oai.chat.completions.create(**ASK, extra_query={"budget": 12}))
        assert done.choices[0].message.reasoning == "a=1; b=2; c="
        text = await in_thread(
            client,
            lambda oai: "".join(
                chunk.choices[0].delta.content or "" for chunk in oai.chat.completions.create(**ASK, stream=True)
            ),
        )
        assert text == "There are 4.\nAnswer: 4"


async def test_the_completion_is_a_session_that_reason_knows(served, connect):
    async with served() as (client, _), connect(client) as oai:
        raw = await oai.chat.completions.with_raw_response.create(**ASK, extra_body={"budget": 8})
        done = raw.parse()
        assert raw.headers["x-anytime-session"] == done.id == done.choices[0].anytime["id"]
        assert raw.headers["x-request-id"] == done._request_id
        extended = (await client.post(f"/reason/{done.id}/extend?budget=16")).json()
        assert (extended["status"], extended["budget"]["granted"]) == ("running", 16)


@pytest.mark.parametrize(
    "asking",
    [
        {"extra_body": {"budget": 7}},
        {"extra_body": {"thinking_token_budget": 7}},
        {"extra_body": {"max_thinking_tokens": 7}},
        {"extra_query": {"budget": "7"}},
        {"extra_query": {"thinking_budget": "7"}},
        {"reasoning_effort": "low"},
        {"extra_body": {"reasoning": {"effort": "low"}}},
        {"extra_body": {"reasoning": {"max_tokens": 7}}},
        {"reasoning_effort": "low", "extra_body": {"budget": 7}},
        {"reasoning_effort": "low", "extra_body": {"chat_template_kwargs": {"enable_thinking": True}}},
    ],
)
async def test_a_budget_can_be_asked_for_in_many_ways(served, connect, asking):
    async with served(app={"effort": EFFORTS}) as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, **asking)
        assert done.choices[0].anytime["budget"] == {"requested": 7, "granted": 7, "spent": 7, "limited_by": None}


@pytest.mark.parametrize(
    "asking",
    [
        {"reasoning_effort": "none"},
        {"extra_body": {"reasoning": {"enabled": False}}},
        {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
        {"extra_body": {"chat_template_kwargs": {"thinking": False}}},
    ],
)
async def test_thinking_can_be_switched_off(served, connect, asking):
    async with served() as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, **asking)
        assert done.choices[0].message.reasoning == ""
        assert done.usage.completion_tokens_details.reasoning_tokens == 0
        assert done.choices[0].message.content == "There are 4.\nAnswer: 4"


@pytest.mark.parametrize(
    ("asking", "param"),
    [
        ({"reasoning_effort": "low", "extra_body": {"budget": 12}}, "reasoning_effort"),
        ({"extra_query": {"budget": "7"}, "extra_body": {"budget": 12}}, "budget in the query"),
        ({"reasoning_effort": "low", "extra_body": {"reasoning": {"enabled": False}}}, "reasoning.enabled"),
        ({"extra_body": {"budget": 5, "thinking_budget": 6}}, "budget"),
        ({"max_tokens": 50, "max_completion_tokens": 60}, "max_tokens"),
    ],
)
async def test_two_ways_of_asking_that_differ_are_an_error(served, connect, asking, param):
    async with served() as (client, engine), connect(client) as oai:
        with pytest.raises(openai.BadRequestError) as caught:
            await oai.chat.completions.create(**ASK, **asking)
        assert caught.value.param == param
        assert engine.requests == []


async def test_choices_are_sessions_with_consecutive_seeds(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, n=3, seed=5, temperature=1, extra_body={"budget": 8})
        assert [choice.index for choice in done.choices] == [0, 1, 2]
        assert sorted(request.sampling.seed for request in engine.requests) == [5, 6, 7]
        assert len({choice.anytime["id"] for choice in done.choices}) == 3
        assert done.usage.completion_tokens == engine.generated
        assert done.usage.completion_tokens_details.reasoning_tokens == 3 * 8
        assert done.usage.prompt_tokens == len(engine.requests[0].prompt_ids)


async def test_choices_are_admitted_all_or_none(served, connect):
    async with served(max_sessions=3) as (client, engine), connect(client) as oai:
        engine.gate.clear()
        await client.post("/reason", json={"prompt": "x", "background": True, "checkpoints": []})
        with pytest.raises(openai.RateLimitError) as caught:
            await oai.chat.completions.create(**ASK, n=3)
        assert (caught.value.code, caught.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "1")
        engine.gate.set()
        with pytest.raises(openai.BadRequestError) as never:
            await oai.chat.completions.create(**ASK, n=4)
        assert never.value.param == "n"
        assert len({request.request_id for request in engine.requests}) <= 1


async def test_a_stop_string_ends_the_answer(served, connect):
    async with served() as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, stop=["\n"])
        assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("There are 4.", "stop")


@pytest.mark.parametrize("most", [4, 5, 8, 20, 47, 48, 49, 100, 400])
@pytest.mark.parametrize("thinking", ["x" * 300, "short"])
async def test_max_completion_tokens_bounds_everything_and_leaves_room_to_answer(served, connect, most, thinking):
    async with served(thinking=thinking, answer="y" * 300) as (client, engine), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, max_completion_tokens=most)
        (choice,) = done.choices
        assert choice.message.content
        assert choice.finish_reason == "length" or most == 400
        assert done.usage.completion_tokens == engine.generated == min(most, engine.generated)
        if choice.finish_reason == "length":
            assert done.usage.completion_tokens == most
        else:
            assert choice.message.content == "y" * 300


async def test_an_answer_gets_what_short_thinking_leaves_of_max_tokens(served, connect):
    async with served(thinking="ab", answer="y" * 50) as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, max_tokens=54)
        assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("y" * 50, "stop")
        done = await oai.chat.completions.create(**ASK, max_tokens=52)
        assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("y" * 49, "length")


@pytest.mark.parametrize("tokens", [1, 2, 3, 5, 16])
async def test_a_health_check_with_few_tokens_gets_an_answer_cut_short(served, connect, tokens):
    async with served(answer="y" * 100) as (client, _), connect(client) as oai:
        completion = await oai.chat.completions.create(**ASK, max_tokens=tokens)
        choice = completion.choices[0]
        assert choice.finish_reason == "length"
        assert choice.message.content == "y" * max(
            1, tokens - completion.usage.completion_tokens_details.reasoning_tokens - choice.anytime["usage"]["forced"]
        )
        # The marker that closes the thinking is one token, and the answer has one at least.
        assert completion.usage.completion_tokens == max(2, tokens)


async def test_a_closing_of_the_clients_own_must_fit(served, connect):
    async with served() as (client, _), connect(client) as oai:
        with pytest.raises(openai.BadRequestError, match="raise max_tokens, or shorten closing") as caught:
            await oai.chat.completions.create(**ASK, max_tokens=8, extra_body={"closing": "time is up"})
        assert caught.value.param == "max_tokens"


async def test_interim_answers_come_only_when_asked_for(served, connect):
    async with served() as (client, _), connect(client) as oai:
        plain = await oai.chat.completions.create(**ASK, extra_body={"budget": 20})
        asked = await oai.chat.completions.create(**ASK, extra_body={"budget": 20, "checkpoints": {"every": 5}})
        assert plain.choices[0].anytime["checkpoints"] == []
        assert [point["at"] for point in asked.choices[0].anytime["checkpoints"]] == [5, 10, 15]
        assert asked.usage.completion_tokens == plain.usage.completion_tokens


@pytest.mark.parametrize("asking", [{"include_reasoning": False}, {"reasoning": {"exclude": True}}])
async def test_the_thinking_can_be_left_out_of_the_response(served, connect, asking):
    async with served() as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, extra_body=asking)
        assert not hasattr(done.choices[0].message, "reasoning")
        assert done.usage.completion_tokens_details.reasoning_tokens == 24
        stream = await oai.chat.completions.create(**ASK, extra_body=asking, stream=True)
        assert not any([hasattr(chunk.choices[0].delta, "reasoning") async for chunk in stream])


async def test_logprobs_are_those_of_the_answer(served, connect):
    async with served() as (client, _), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, logprobs=True, top_logprobs=2)
        tokens = done.choices[0].logprobs.content
        assert "".join(token.token for token in tokens) == "There are 4.\nAnswer: 4"
        assert tokens[0].bytes == [ord("T")]
        assert [(other.token, other.logprob) for other in tokens[0].top_logprobs] == [("T", -0.1), ("U", -1.1)]
        assert (await oai.chat.completions.create(**ASK)).choices[0].logprobs is None


async def test_the_prompt_tokens_found_in_the_cache_are_told(served, connect):
    async with served() as (client, _), connect(client) as oai:
        long = {**ASK, "messages": [{"role": "user", "content": "count " * 10}]}
        first, second = [await oai.chat.completions.create(**long, extra_body={"checkpoints": [5]}) for _ in range(2)]
        assert first.usage.prompt_tokens_details.cached_tokens == 0
        assert second.usage.prompt_tokens_details.cached_tokens == second.usage.prompt_tokens // 16 * 16


async def test_a_structured_answer_is_a_request_of_its_own_behind_the_closed_thinking(served, connect):
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "count", "schema": schema, "strict": True}}
    async with served(answer='{"count": 4}') as (client, engine), connect(client) as oai:
        done = await oai.chat.completions.create(**ASK, response_format=wanted, extra_body={"budget": 8})
        think, answer = engine.requests
        assert json.loads(done.choices[0].message.content) == {"count": 4}
        assert done.choices[0].anytime["value"] == '{"count": 4}'
        assert (think.structured, answer.thinking, answer.structured.json_schema) == (None, None, schema)
        assert engine.tokenizer.decode(answer.prompt_ids) == "user: count\n<think>a=1; b=2..</think>"
        assert done.usage.completion_tokens == engine.generated


@pytest.mark.parametrize("budget", [0, 3, 24, 100])
async def test_usage_of_a_structured_answer_adds_up(served, connect, budget):
    async with served(answer='{"count": 4}') as (client, engine), connect(client) as oai:
        wanted = {"type": "json_object"}
        body = {"budget": budget, "checkpoints": [0]}
        done = await oai.chat.completions.create(**ASK, response_format=wanted, extra_body=body)
        usage = done.choices[0].anytime["usage"]
        generated = sum(usage[role] for role in ("thinking", "forced", "answer", "interim", "discarded"))
        assert generated == engine.generated
        assert usage["cached"] + usage["computed"] == engine.prefilled
        assert all(request.structured is not None for request in engine.requests if request.thinking is None)


async def test_an_engine_without_grammars_refuses_structured_answers(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        engine.unsupported = {"structured_outputs": "do that: take another"}
        with pytest.raises(openai.BadRequestError, match="can't do that: take another") as caught:
            await oai.chat.completions.create(**ASK, response_format={"type": "json_object"})
        assert caught.value.param == "response_format"
        with pytest.raises(openai.BadRequestError) as native:
            await oai.chat.completions.create(**ASK, extra_body={"structured_outputs": {"choice": ["yes", "no"]}})
        assert native.value.param == "structured_outputs"


async def test_thinking_that_loops_or_matches_ends_and_a_bad_pattern_is_refused_by_its_field(served, connect):
    async with served(thinking="so " * 60) as (client, _), connect(client) as oai:
        for rules, reason, spent in (("loop", "loop", 25), ({"match": "so so"}, "match", 5)):
            fields = {"budget": 150, "stop_when": rules}
            (choice,) = (await oai.chat.completions.create(**ASK, extra_body=fields)).choices
            told = choice.anytime
            assert (told["stop_reason"], told["budget"]["spent"]) == (reason, spent)
        with pytest.raises(openai.BadRequestError, match="missing") as refusal:
            await oai.chat.completions.create(**ASK, extra_body={"stop_when": {"match": "("}})
        assert refusal.value.param == "stop_when.match"
