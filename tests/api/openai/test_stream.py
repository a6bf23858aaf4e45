import asyncio
import json

import httpx
import openai
import pytest

ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "count"}]}


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def collect(stream):
    return [chunk async for chunk in stream]


def joined(chunks, field, index=0):
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(getattr(delta, field, None) or "" for delta in deltas)


async def test_the_chunks_add_up_to_the_completion(served, connect):
    async with served(answer="\n\n There are 4.\n\nAnswer: 4 \n", pause_s=0.002) as (client, _), connect(client) as oai:
        whole = (await oai.chat.completions.create(**ASK)).choices[0]
        chunks = await collect(await oai.chat.completions.create(**ASK, stream=True, logprobs=True))
    assert joined(chunks, "content") == whole.message.content == "There are 4.\n\nAnswer: 4"
    assert joined(chunks, "reasoning") == joined(chunks, "reasoning_content") == whole.message.reasoning
    assert [chunk.choices[0].delta.role for chunk in chunks].index("assistant") == 0
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {(chunk.id, chunk.object, chunk.model) for chunk in chunks} == {
        (chunks[0].choices[0].anytime["id"], "chat.completion.chunk", "fake-model")
    }
    tokens = [token.token for chunk in chunks if (told := chunk.choices[0].logprobs) for token in told.content]
    assert "".join(tokens) == "\n\n There are 4.\n\nAnswer: 4 \n"
    assert chunks[-1].choices[0].anytime["budget"] == whole.anytime["budget"]
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_sdk_accumulates_a_stream(served, connect):
    async with served() as (client, _), connect(client) as oai:
        async with oai.chat.completions.stream(**ASK, stream_options={"include_usage": True}) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == "There are 4.\nAnswer: 4"
        assert final.usage.completion_tokens_details.reasoning_tokens == 24
        assert "content.done" in kinds


async def test_choices_begin_in_their_order_as_the_sdk_accumulates_them(served, connect):
    async with served() as (client, _), connect(client) as oai, oai.chat.completions.stream(**ASK, n=8) as stream:
        order = [event.chunk.choices[0].index async for event in stream if event.type == "chunk"]
        final = await stream.get_final_completion()
    assert order[:8] == [choice.index for choice in final.choices] == list(range(8))
    assert {choice.message.content for choice in final.choices} == {"There are 4.\nAnswer: 4"}


async def test_the_usage_comes_last_without_choices(served, connect):
    async with served() as (client, _), connect(client) as oai:
        whole = await oai.chat.completions.create(**ASK)
        stream = await oai.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
        *chunks, last = await collect(stream)
        assert last.choices == []
        assert last.usage.completion_tokens == whole.usage.completion_tokens
        assert all(chunk.choices and chunk.usage is None for chunk in chunks)


async def test_the_stream_ends_with_done(served):
    async with (
        served() as (client, _),
        client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response,
    ):
        lines = [line async for line in response.aiter_lines() if line]
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-anytime-session"].startswith("rsn_")
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in lines)
    assert all("usage" not in json.loads(line.removeprefix("data: ")) for line in lines[:-1])


async def test_choices_are_interleaved_by_index(served, connect):
    async with served(thinking="x" * 200, pause_s=0.002) as (client, _), connect(client) as oai:
        chunks = await collect(await oai.chat.completions.create(**ASK, n=3, stream=True, extra_body={"budget": 150}))
    order = [chunk.choices[0].index for chunk in chunks]
    assert set(order) == {0, 1, 2}
    assert order != sorted(order)
    for index in range(3):
        assert joined(chunks, "reasoning", index) == "x" * 150
        assert joined(chunks, "content", index) == "There are 4.\nAnswer: 4"
        roles = [chunk.choices[0].delta.role for chunk in chunks if chunk.choices[0].index == index]
        assert roles == ["assistant", *[None] * (len(roles) - 1)]
    assert sum(chunk.choices[0].finish_reason == "stop" for chunk in chunks) == 3


async def test_interim_answers_come_in_their_own_chunks(served, connect):
    async with served() as (client, _), connect(client) as oai:
        asked = {"budget": 20, "checkpoints": [5, 10]}
        chunks = await collect(await oai.chat.completions.create(**ASK, stream=True, extra_body=asked))
    points = [
        told["checkpoint"] for chunk in chunks if "checkpoint" in (told := getattr(chunk.choices[0], "anytime", {}))
    ]
    assert [(point["at"], point["value"]) for point in points] == [(5, "1"), (10, "2")]
    assert joined(chunks, "content") == "There are 4.\nAnswer: 4"


async def test_deltas_arrive_before_the_session_ends(served, connect):
    async with served(thinking="x" * 3000) as (client, engine), connect(client) as oai:
        stream = await oai.chat.completions.create(**ASK, stream=True, extra_body={"budget": 2000})
        chunks = aiter(stream)
        while not getattr((await anext(chunks)).choices[0].delta, "reasoning", None):
            pass
        engine.gate.clear()
        assert engine.active
        engine.gate.set()
        assert (await collect(chunks))[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("n", [1, 3])
async def test_closing_the_stream_cancels_the_sessions_and_frees_the_engine(served, connect, n):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.chat.completions.create(**ASK, n=n, stream=True, extra_body={"budget": 2900})
        first = await anext(aiter(stream))
        assert len(engine.active) == n
        await stream.close()
        await until(lambda: not engine.active)
        assert (await client.get(f"/reason/{first.id}")).json()["status"] == "cancelled"


async def test_a_client_that_gives_up_frees_the_engine(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client, timeout=0.3) as oai:
        with pytest.raises(openai.APITimeoutError):
            await oai.chat.completions.create(**ASK, n=2, extra_body={"budget": 2900})
        await until(lambda: not engine.active)
        assert engine.generated < 2 * 2900


async def test_comments_that_keep_a_quiet_stream_awake_are_no_chunks(served, connect, monkeypatch):
    monkeypatch.setattr("anytime_server.api.sse.HEARTBEAT_S", 0.02)
    async with served() as (client, engine), connect(client) as oai:
        engine.gate.clear()
        async with client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
            async with asyncio.timeout(5):
                comments = (line async for line in response.aiter_lines() if line.startswith(":"))
                assert [(await anext(comments))[:6] for _ in range(2)] == [": ping"] * 2
        stream = await oai.chat.completions.create(**ASK, stream=True)
        await asyncio.sleep(0.1)
        engine.gate.set()
        assert joined(await collect(stream), "content") == "There are 4.\nAnswer: 4"


async def test_a_failure_in_the_middle_is_an_error_of_the_sdk(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client) as oai:
        stream = await oai.chat.completions.create(**ASK, stream=True, n=2, extra_body={"budget": 2900})
        await anext(aiter(stream))
        engine.dead = True
        with pytest.raises(openai.APIError, match="engine is down") as caught:
            await collect(stream)
        assert caught.value.type == "engine_error"
        await until(lambda: not engine.active)


async def test_a_cancelled_session_is_an_error_that_the_sdk_does_not_send_again(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, engine), connect(client, max_retries=2) as oai:
        asking = asyncio.ensure_future(oai.chat.completions.create(**ASK, extra_body={"budget": 2900}))
        await until(lambda: engine.active)
        (running,) = engine.active
        await client.delete(f"/reason/{running.split('.')[0]}")
        with pytest.raises(openai.ConflictError, match="cancelled"):
            await asking
        assert len({request.request_id.split(".")[0] for request in engine.requests}) == 1


async def test_a_running_completion_can_be_told_to_answer(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (client, _), connect(client) as oai:
        stream = await oai.chat.completions.create(**ASK, stream=True, extra_body={"budget": 2900})
        chunks = aiter(stream)
        first = await anext(chunks)
        assert (await client.post(f"/reason/{first.id}/answer_now")).status_code == httpx.codes.OK
        rest = await collect(chunks)
        assert rest[-1].choices[0].anytime["stop_reason"] == "answer_now"
        assert joined(rest, "content") == "There are 4.\nAnswer: 4"


async def test_of_several_trunks_one_train_of_thought_is_told(served, connect):
    fields = {"trunks": 3, "budget": 60, "checkpoints": {"every": 5}}
    async with served(pause_s=0.001) as (client, _), connect(client) as oai:
        whole = (await oai.chat.completions.create(**ASK, temperature=1.0, seed=3, extra_body=fields)).choices[0]
        chunks = await collect(
            await oai.chat.completions.create(**ASK, temperature=1.0, seed=3, extra_body=fields, stream=True)
        )
    assert joined(chunks, "reasoning") == whole.message.reasoning == "a=1; b=2; c=3; d=4; "
    assert joined(chunks, "content") == whole.message.content == "There are 4.\nAnswer: 4"
    told = [getattr(chunk.choices[0], "anytime", None) or {} for chunk in chunks]
    assert [one["checkpoint"]["votes"] for one in told if "checkpoint" in one] == [3] * len(
        whole.anytime["checkpoints"]
    )
    assert chunks[-1].choices[0].anytime["budget"]["spent"] == 60
