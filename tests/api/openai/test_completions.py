"""Text that is continued as it stands."""

import asyncio
import threading

import openai
import pytest

from anytime_server.reasoning import Reasoner
from fakes import EOS


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def continuing(served):
    """Serve a model that goes on after a prompt with ` goes\non`, and then ends."""

    def make(text=" goes\non", **options):
        serving = served(**options)

        def prefer(ids, seed):
            written = serving.engine.tokenizer.decode(ids)
            done = len(written.encode()) - len(written.partition("|")[0].encode()) - 1 if "|" in written else 0
            script = text.encode()
            return [script[done]] if done < len(script) else [EOS]

        serving.engine._prefer = prefer
        return serving

    return make


async def test_a_text_is_continued_without_a_template_and_without_thinking(continuing, connect):
    async with continuing() as (client, engine), connect(client) as oai:
        completion = await oai.completions.create(model="fake-model", prompt="ab|", max_tokens=50)
        (choice,) = completion.choices
        assert (choice.text, choice.finish_reason, completion.object) == (" goes\non", "stop", "text_completion")
        assert engine.tokenizer.decode(engine.requests[0].prompt_ids) == "ab|"
        assert engine.requests[0].thinking is None
        assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, engine.generated)


async def test_a_stream_has_the_same_text(continuing, connect):
    async with continuing() as (client, _), connect(client) as oai:
        options = {"include_usage": True}
        stream = await oai.completions.create(
            model="fake-model", prompt="ab|", max_tokens=50, stream=True, stream_options=options
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == " goes\non"
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.prompt_tokens == 3


async def test_sixteen_tokens_are_the_default_and_stop_strings_are_found_from_the_first_character(continuing, connect):
    async with continuing(text=" " + "y" * 40) as (client, _), connect(client) as oai:
        cut = await oai.completions.create(model="fake-model", prompt="ab|")
        assert (cut.choices[0].text, cut.choices[0].finish_reason) == (" " + "y" * 15, "length")
        stopped = await oai.completions.create(model="fake-model", prompt="ab|", stop=[" "])
        assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == ("", "stop")


async def test_prompts_come_as_texts_or_ids_one_or_several(continuing, connect):
    async with continuing() as (client, engine), connect(client) as oai:
        ids = list(b"cd|")
        for prompt, count in (("ab|", 1), (["ab|", "cd|"], 2), (ids, 1), ([ids, list(b"ef|")], 2)):
            engine.requests.clear()
            completion = await oai.completions.create(model="fake-model", prompt=prompt, n=2, max_tokens=50)
            assert [choice.index for choice in completion.choices] == list(range(2 * count))
            assert {choice.text for choice in completion.choices} == {" goes\non"}
            assert completion.usage.prompt_tokens == 3 * count
            prompts = [engine.tokenizer.decode(request.prompt_ids) for request in engine.requests]
            assert len(set(prompts)) == count


async def test_a_prompt_that_is_asked_twice_counts_twice(continuing, connect):
    async with continuing() as (client, _), connect(client) as oai:
        completion = await oai.completions.create(model="fake-model", prompt=["ab|", "ab|"], n=2, max_tokens=50)
        assert completion.usage.prompt_tokens == 6


async def test_white_space_is_text_to_continue_too(continuing, connect):
    async with continuing(text="x" * 20) as (client, _), connect(client) as oai:
        completion = await oai.completions.create(model="fake-model", prompt="\n", max_tokens=4)
        assert completion.choices[0].text == "x" * 4


async def test_logprobs_come_as_the_route_has_them(continuing, connect):
    async with continuing() as (client, _), connect(client) as oai:
        completion = await oai.completions.create(model="fake-model", prompt="ab|", max_tokens=3, logprobs=2)
        told = completion.choices[0].logprobs
        assert (told.tokens, told.text_offset) == ([" ", "g", "o"], [0, 1, 2])
        assert told.token_logprobs == [-0.1] * 3
        assert told.top_logprobs[1] == {"g": -0.1, "h": -1.1}


async def test_a_structured_text_is_held_to_its_grammar_from_the_first_token(continuing, connect):
    async with continuing() as (client, engine), connect(client) as oai:
        extra = {"structured_outputs": {"choice": [" goes\non"]}}
        await oai.completions.create(model="fake-model", prompt="ab|", max_tokens=50, extra_body=extra)
        (request,) = engine.requests
        assert request.structured.choice == [" goes\non"]


async def test_the_choices_are_sessions_that_a_closed_connection_cancels(continuing, connect):
    async with continuing(text="y" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.completions.create(model="fake-model", prompt="ab|", max_tokens=2900, stream=True)
        await anext(aiter(stream))
        await stream.close()
        await until(lambda: not engine.active)
        assert engine.generated < 2900


@pytest.mark.parametrize(
    "fields",
    [
        {"suffix": ""},
        {"echo": False},
        {"best_of": 1},
        {"best_of": 3, "n": 3},
        {"budget": 0},
        {"top_k": -1},
        {"seed": -1},
        {"max_tokens": -1},
        {"user": "me"},
        {"ignore_eos": False},
        {"use_beam_search": False},
        {"enable_thinking": False},
        {"reasoning_effort": "none"},
        {"add_special_tokens": True},
        {"logit_bias": None},
    ],
    ids=str,
)
async def test_fields_that_change_nothing_are_accepted(continuing, fields):
    async with continuing() as (client, _):
        response = await client.post("/v1/completions", json={"prompt": "ab|", **fields})
        assert response.status_code == 200, response.text
        assert response.json()["choices"][0]["text"] == " goes\non"


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"prompt": [1, "x"]}, "prompt.1", "valid integer"),
        ({"prompt": ["x", ""]}, "prompt.1", "at least 1"),
        ({"prompt": [["x"]]}, "prompt.0.0", "valid integer"),
        ({"stop": ["a", ""]}, "stop.1", "at least 1"),
        ({"prompt": ""}, "prompt", "at least 1"),
        ({"prompt": []}, "prompt", "at least 1"),
        ({"prompt": [5, 9999]}, "prompt", "there is no token 9999"),
        ({"prompt": "y" * 5000}, "prompt", "shorten it"),
        ({"max_tokens": 0}, "max_tokens", "greater than"),
        ({"echo": True}, "echo", "not repeated"),
        ({"suffix": "end"}, "suffix", "leave it out"),
        ({"best_of": 3}, "best_of", "n choices"),
        ({"logprobs": 21}, "logprobs", "less than"),
        ({"budget": 50}, "budget", "/v1/chat/completions"),
        ({"thinking_token_budget": 50}, "thinking_token_budget", "/v1/chat/completions"),
        ({"thinking": {"type": "enabled"}}, "thinking", "/v1/chat/completions"),
        ({"guided_json": {}}, "guided_json", "structured_outputs"),
        ({"messages": []}, "messages", "/v1/chat/completions"),
        ({"promt": "x"}, "promt", "did you mean 'prompt'"),
        ({"model": "gpt-9"}, "model", "serves 'fake-model'"),
    ],
)
async def test_each_error_names_its_field_and_the_remedy(served, fields, param, message):
    async with served() as (client, engine):
        response = await client.post("/v1/completions", json={"prompt": "ab|", **fields})
        assert response.status_code == (404 if param == "model" else 400)
        error = response.json()["error"]
        assert error["param"] == param
        assert message in error["message"]
        assert engine.requests == []


async def test_an_error_in_the_middle_ends_the_stream_as_an_error(continuing, connect):
    async with continuing(text="y" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.completions.create(model="fake-model", prompt="ab|", max_tokens=2900, stream=True)
        await anext(aiter(stream))
        engine.dead = True
        with pytest.raises(openai.APIError, match="engine is down") as caught:
            async for _ in stream:
                pass
        assert caught.value.body["request_id"] == stream.response.headers["x-request-id"]


async def test_sessions_hold_their_slots_while_they_are_planned(continuing, monkeypatch):
    planning, hold = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    plan = Reasoner.plan_continuation

    def plan_slowly(*arguments):
        loop.call_soon_threadsafe(planning.set)
        assert hold.wait(5)
        return plan(*arguments)

    monkeypatch.setattr(Reasoner, "plan_continuation", plan_slowly)
    async with continuing(max_sessions=4) as (client, _):
        first = asyncio.ensure_future(client.post("/v1/completions", json={"prompt": "ab|", "n": 4}))
        await planning.wait()
        assert (await client.post("/v1/completions", json={"prompt": "ab|"})).status_code == 429
        await asyncio.sleep(0.1)
        hold.set()
        response = await first
        assert response.status_code == 200
        document = (await client.get(f"/reason/{response.json()['id']}")).json()
        assert document["timings"]["queued_ms"] >= 100
