"""The remote engine in front of workers on the fake engine."""

import asyncio
from contextlib import aclosing

import pytest
from starlette.responses import Response

from anytime_server.controller import BudgetPolicy, ThinkingFormat
from anytime_server.engines import EngineLoad, EngineRequest, Sampling, Thinking
from anytime_server.engines.remote import inspection, servers
from anytime_server.errors import EngineDied, EngineError, InvalidRequest
from engines.remote.conftest import fake, remote

IDLE = EngineLoad(0, 0, 0.0)


def request(engine, budget=20, id="r", session_id="", **fields):
    format = ThinkingFormat.resolve(engine.tokenizer)
    prompt = tuple(engine.tokenizer.encode("Squares, please.<think>"))
    thinking = Thinking(BudgetPolicy(budget), format)
    fields = {"max_tokens": 64, "sampling": Sampling(temperature=0.0), "thinking": thinking, **fields}
    return EngineRequest(id, prompt, session_id=session_id, **fields)


async def generate(engine, wanted):
    return [chunk async for chunk in engine.generate(wanted)]


def tokens_of(chunks):
    return [token for chunk in chunks for token in chunk.token_ids]


async def idle(engine):
    async with asyncio.timeout(10):
        while engine.load() != IDLE:
            await asyncio.sleep(0.005)


async def test_a_generation_is_that_of_the_engine_behind_it(worker, started):
    local = fake()
    engine = await started(await worker(fake()))
    ours = await generate(engine, request(engine, top_logprobs=2))
    theirs = await generate(local, request(local, top_logprobs=2))
    assert tokens_of(ours) == tokens_of(theirs)
    for name in ("logprobs", "alternatives"):
        assert [v for chunk in ours for v in getattr(chunk, name)] == [
            v for chunk in theirs for v in getattr(chunk, name)
        ]
    assert ours[-1].finish_reason == theirs[-1].finish_reason == "stop"
    assert [chunk.finish_reason for chunk in ours[:-1]] == [None] * (len(ours) - 1)
    assert engine.limits == local.limits


async def test_cached_tokens_are_those_of_the_server(worker, started):
    engine = await started(await worker(fake()))
    first, second = [await generate(engine, request(engine)) for _ in range(2)]
    assert [sum(chunk.prompt_tokens for chunk in chunks) for chunks in (first, second)] == [17, 17]
    assert [sum(chunk.cached_tokens for chunk in chunks) for chunks in (first, second)] == [0, 16]
    assert second[0].cached_tokens == 16


async def test_samples_are_requests_of_their_own_and_logprobs_are_only_those_asked_for(worker, started):
    behind = fake()
    engine = await started(await worker(behind))
    wanted = request(engine, thinking=None, samples=3, logprobs=False, sampling=Sampling(1.0, 0.9, 5, 0.1, seed=7))
    behind.requests.clear()
    chunks = await generate(engine, wanted)
    assert {chunk.sample for chunk in chunks} == {0, 1, 2}
    assert all(chunk.logprobs == () for chunk in chunks)
    assert sorted(seen.sampling.seed for seen in behind.requests) == [7, 8, 9]
    assert {seen.sampling.top_k for seen in behind.requests} == {5}
    assert [chunk.finish_reason for chunk in chunks].count("length") == 3


async def test_leaving_a_generation_aborts_it_there(worker, started):
    behind = fake(pause_s=0.01)
    engine = await started(await worker(behind))
    async with aclosing(engine.generate(request(engine, budget=400, max_tokens=450))) as chunks:
        await anext(chunks)
        assert engine.load().running == 1
    assert engine.load() == IDLE
    await idle(behind)


async def test_leaving_a_generation_that_says_nothing_aborts_it_there(worker, started):
    behind = fake(pause_s=0.001)
    engine = await started(await worker(behind))
    behind.pause_s = 3600
    leaving = asyncio.create_task(generate(engine, request(engine)))
    while not behind.active:
        await asyncio.sleep(0.005)
    leaving.cancel()
    await idle(behind)


async def test_a_session_stays_where_its_trunk_is_and_others_go_elsewhere(worker, started):
    behind = [fake(pause_s=0.001), fake(pause_s=0.001)]
    engine = await started(*[await worker(one) for one in behind])
    for one in behind:
        one.requests.clear()
    sessions = [f"s{number}" for number in range(6)]
    wanted = [request(engine, id=f"{session}.{leg}", session_id=session) for session in sessions for leg in range(3)]
    await asyncio.gather(*(generate(engine, each) for each in wanted))
    homes = [{seen.session_id for seen in one.requests} for one in behind]
    assert [len(home) for home in homes] == [3, 3]
    assert homes[0] | homes[1] == set(sessions)


async def test_a_server_that_dies_on_the_way_ends_the_leg_and_the_next_goes_elsewhere(worker, started):
    behind = [fake(pause_s=0.001), fake(pause_s=0.001)]
    engine = await started(*[await worker(one) for one in behind])
    whole = tokens_of(await generate(engine, request(engine, budget=60, max_tokens=90)))
    seen = []
    with pytest.raises(EngineDied, match="the engine is down"):
        async for chunk in engine.generate(request(engine, budget=60, max_tokens=90, session_id="s")):
            seen += chunk.token_ids
            if len(seen) >= 20 and not any(one.dead for one in behind):
                home = next(one for one in behind if one.active)
                home.dead = True
    assert seen == whole[: len(seen)]
    await engine.alive()
    again = tokens_of(await generate(engine, request(engine, budget=60, max_tokens=90, session_id="s")))
    assert again == whole
    await engine.check_health()
    assert engine.load() == IDLE


async def test_with_no_server_left_a_generation_waits_for_one_that_comes_back(worker, started):
    behind = fake()
    engine = await started(await worker(behind))
    behind.dead = True
    with pytest.raises(EngineDied, match="can't take requests now"):
        await generate(engine, request(engine))
    with pytest.raises(EngineError, match="no server of the model is up"):
        await engine.check_health()
    waiting = asyncio.create_task(engine.alive())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    behind.dead = False
    await asyncio.wait_for(waiting, 20)
    await engine.check_health()
    assert tokens_of(await generate(engine, request(engine)))


async def test_a_server_that_refuses_its_inspection_is_looked_at_again(worker, started, monkeypatch):
    behind = fake()
    engine = await started(await worker(behind))
    refusals = iter([InvalidRequest("no logprobs at present")])

    async def refusing_once(*arguments):
        for refusal in refusals:
            raise refusal
        return await inspection.inspect(*arguments)

    monkeypatch.setattr(servers, "inspect", refusing_once)
    behind.dead = True
    with pytest.raises(EngineDied):
        await generate(engine, request(engine))
    behind.dead = False
    await asyncio.wait_for(engine.alive(), 20)


async def test_a_server_that_tokenizes_into_something_else_is_refused(worker):
    from fastapi import FastAPI

    from live import serve

    app = FastAPI()
    app.add_api_route("/health", lambda: "ok")
    app.add_api_route("/version", lambda: {"version": "1"})
    app.add_api_route("/metrics", lambda: "")
    app.add_api_route("/v1/models", lambda: {"data": [{"id": "m", "max_model_len": 512}]})
    app.add_api_route("/inference/v1/generate", lambda: Response(status_code=400), methods=["POST"])
    app.add_api_route("/tokenize", lambda: "welcome", methods=["POST"])
    async with serve(app) as client:
        engine = remote(str(client.base_url))
        with pytest.raises(EngineError, match="/tokenize"):
            await engine.start()
        await engine.stop()


async def test_waiting_for_a_server_has_an_end(worker, started):
    behind = fake()
    engine = await started(await worker(behind), give_up_s=0.2)
    behind.dead = True
    with pytest.raises(EngineDied):
        await generate(engine, request(engine))
    with pytest.raises(EngineError, match="no server has come back in 0 s") as raised:
        await engine.alive()
    assert not isinstance(raised.value, EngineDied)


async def test_an_idle_server_that_is_gone_is_no_longer_healthy(worker, started, monkeypatch):
    monkeypatch.setattr("anytime_server.engines.remote.servers.FRESH_S", 0.0)
    behind = fake()
    engine = await started(await worker(behind))
    await engine.check_health()
    behind.dead = True
    with pytest.raises(EngineError, match="no server of the model is up"):
        await engine.check_health()


async def test_stopping_ends_what_runs(worker, started):
    behind = fake(pause_s=0.01)
    engine = await started(await worker(behind))
    running = asyncio.create_task(generate(engine, request(engine, budget=400, max_tokens=450)))
    while not behind.active:
        await asyncio.sleep(0.005)
    await engine.stop()
    with pytest.raises(EngineError, match="stopped"):
        await running
    with pytest.raises(EngineError, match="not running"):
        await generate(engine, request(engine))
    await idle(behind)
    await engine.stop()


async def test_what_the_server_refuses_is_the_request_s_fault_and_no_failure_of_the_server(worker, started):
    engine = await started(await worker(fake()))
    with pytest.raises(InvalidRequest, match="don't fit the context of 512"):
        await generate(engine, request(engine, max_tokens=5000))
    await engine.check_health()


async def test_keys_are_sent_and_never_told(worker, caplog):
    key = "0123456789abcdef-secret"
    url = await worker(fake(), api_keys=(key,))
    engine = remote(url, api_key=key)
    await engine.start()
    assert tokens_of(await generate(engine, request(engine)))
    await engine.stop()
    for wrong in (None, "another-key-0123456789"):
        refused = remote(url, api_key=wrong)
        with pytest.raises(EngineError, match="ANYTIME_ENGINE_API_KEY") as raised:
            await refused.start()
        await refused.stop()
        assert "0123456789" not in str(raised.value)
    assert key not in caplog.text and key not in repr(engine.__dict__)


async def test_servers_with_different_models_are_refused(worker):
    other = fake()
    other.model = "another"
    engine = remote(await worker(fake()), await worker(other))
    with pytest.raises(EngineError, match="different models: another, fake-model"):
        await engine.start()
    await engine.stop()


async def test_a_server_with_another_tokenizer_is_refused(worker):
    other = fake()
    other.tokenizer.encode = lambda text: [7] * len(text)
    engine = remote(await worker(other))
    with pytest.raises(EngineError, match="another tokenizer"):
        await engine.start()
    await engine.stop()


async def test_a_server_that_keeps_no_budget_is_refused(worker):
    other = fake()

    async def without_budget(wanted, sample):
        plain = EngineRequest(wanted.request_id, wanted.input_ids, wanted.max_tokens, wanted.sampling)
        async for chunk in type(other)._sample(other, plain, sample):
            yield chunk

    other._sample = without_budget
    other.generate = other._generate
    engine = remote(await worker(other))
    with pytest.raises(EngineError, match="--logits-processors anytime_server"):
        await engine.start()
    await engine.stop()


async def test_nobody_at_the_address_is_told_after_the_time_given():
    engine = remote("http://127.0.0.1:9", start_timeout_s=0.3)
    with pytest.raises(EngineError, match=r"http://127.0.0.1:9 can't be reached.*correct --engine-url"):
        await engine.start()
    await engine.stop()


async def test_a_server_of_another_kind_is_told_at_once(worker):
    from fastapi import FastAPI

    from live import serve

    app = FastAPI()
    app.add_api_route("/health", lambda: "ok")
    app.add_api_route("/v1/models", lambda: {"data": [{"id": "m", "max_model_len": 5}]})
    async with serve(app) as client:
        engine = remote(str(client.base_url))
        with pytest.raises(EngineError, match=r"has no /inference/v1/generate.*--enable-scale-out"):
            await engine.start()
        await engine.stop()


async def test_one_server_is_enough_to_start_and_the_other_joins_when_it_comes(worker, started, monkeypatch):
    monkeypatch.setattr("anytime_server.engines.remote.servers.OTHERS_S", 0.05)
    late = fake()
    late.dead = True
    here = fake()
    monkeypatch.setattr(late, "start", lambda: asyncio.sleep(0))
    engine = await started(await worker(here), await worker(late))
    await generate(engine, request(engine))
    late.dead = False
    here.dead = True
    with pytest.raises(EngineDied):
        await generate(engine, request(engine))
    await asyncio.wait_for(engine.alive(), 20)
    late.requests.clear()
    await generate(engine, request(engine))
    assert late.requests
