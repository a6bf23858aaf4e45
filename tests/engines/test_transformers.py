"""What is the transformers engine's own: eviction, its logprobs, its errors."""

import asyncio
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from anytime_server.controller import BudgetPolicy, ThinkingFormat
from anytime_server.engines import EngineLoad, EngineRequest, Sampling, Thinking
from anytime_server.engines.transformers.engine import TransformersConfig, TransformersEngine
from anytime_server.errors import EngineError
from tiny_models import save_tiny_model

CONTEXT = 256
GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return str(save_tiny_model(tmp_path_factory.mktemp("tiny") / "qwen3", "qwen3", seed=1, context=CONTEXT))


@pytest.fixture(scope="module")
async def roomy(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture(scope="module")
async def crowded(model_path):
    """A cache that holds not much more than one context, so that requests evict each other."""
    token_bytes = 2 * 2 * 1 * 32 * 4
    engine = TransformersEngine(
        model_path, TransformersConfig(page_size=16, kv_cache_gib=1.5 * CONTEXT * token_bytes / 2**30)
    )
    await engine.start()
    yield engine
    await engine.stop()


def thinking_request(engine, name, budget, sampling=GREEDY):
    format = ThinkingFormat.resolve(engine.tokenizer).override(engine.tokenizer, closing=" ...")
    prompt = tuple(engine.tokenizer.encode(f"question {name}: ")) + format.open_ids
    return EngineRequest(
        name, prompt, budget + len(format.closing_ids) + 20, sampling, thinking=Thinking(BudgetPolicy(budget), format)
    )


async def collect(engine, request):
    chunks = [chunk async for chunk in engine.generate(request)]
    tokens = [token for chunk in chunks for token in chunk.token_ids]
    return tokens, [logprob for chunk in chunks for logprob in chunk.logprobs], chunks


async def test_requests_that_evict_each_other_keep_their_budgets_and_their_tokens(roomy, crowded, monkeypatch):
    offloading, evictions = crowded._manager.batch_processor.offloading_manager, []
    offload = offloading.offload_requests
    monkeypatch.setattr(offloading, "offload_requests", lambda: evictions.append(offload()) or evictions[-1])
    assert crowded.limits.max_model_len <= CONTEXT * 1.5
    requests = [thinking_request(crowded, f"r{index}", 60 + index) for index in range(8)]
    undisturbed, under_pressure = [
        await asyncio.gather(*(collect(engine, request) for request in requests)) for engine in (roomy, crowded)
    ]
    for (expected, _, _), (tokens, logprobs, _) in zip(undisturbed, under_pressure, strict=True):
        assert tokens == expected
        assert len(logprobs) == len(tokens)
    assert sum(map(bool, evictions)) > 1
    assert crowded.load() == EngineLoad(0, 0, 0.0)


async def test_logprobs_are_the_models_own_for_forced_tokens_too(roomy):
    request = thinking_request(roomy, "logprobs", 5)
    tokens, logprobs, _ = await collect(roomy, request)
    ids = torch.tensor([[*request.input_ids, *tokens]])
    reference = AutoModelForCausalLM.from_pretrained(roomy._source, dtype="float32")
    with torch.no_grad():
        expected = reference(ids).logits.log_softmax(-1)[0, len(request.input_ids) - 1 : -1]
    expected = expected.gather(1, ids[0, len(request.input_ids) :, None]).squeeze(1)
    assert logprobs == pytest.approx(expected.tolist(), abs=1e-3)
    closing = request.thinking.format.closing_ids
    assert tuple(tokens[5 : 5 + len(closing)]) == closing


async def test_samples_of_one_request_differ_and_are_reproducible(roomy):
    prompt = tuple(roomy.tokenizer.encode("hello"))
    request = EngineRequest("n", prompt, 12, Sampling(temperature=1.0, seed=5), samples=3)

    async def samples():
        drawn = [[], [], []]
        async for chunk in roomy.generate(request):
            drawn[chunk.sample].extend(chunk.token_ids)
        return drawn

    first = await samples()
    assert first == await samples()
    assert first[0] != first[1]


async def test_sampling_follows_temperature_and_top_k(roomy):
    prompt = tuple(roomy.tokenizer.encode("hello"))
    greedy, _, _ = await collect(roomy, EngineRequest("g", prompt, 20, GREEDY))
    top_1, _, _ = await collect(roomy, EngineRequest("k", prompt, 20, Sampling(temperature=2.0, top_k=1)))
    tiny_p, _, _ = await collect(roomy, EngineRequest("p", prompt, 20, Sampling(temperature=2.0, top_p=1e-6)))
    assert greedy == top_1 == tiny_p


async def test_the_smallest_temperature_is_greedy_and_harmless(roomy):
    prompt = tuple(roomy.tokenizer.encode("hello"))
    greedy, _, _ = await collect(roomy, EngineRequest("g2", prompt, 20, GREEDY))
    cold, _, _ = await collect(roomy, EngineRequest("c", prompt, 20, Sampling(temperature=1e-30)))
    assert cold == greedy
    await roomy.check_health()


async def test_closing_the_stream_frees_the_request(roomy):
    stream = roomy.generate(thinking_request(roomy, "dropped", 150))
    await anext(stream)
    assert roomy.load().running == 1
    await stream.aclose()
    async with asyncio.timeout(5):
        while roomy.load() != EngineLoad(0, 0, 0.0):
            await asyncio.sleep(0.005)
    assert not roomy._manager.output_router.result_handlers
    assert not roomy._manager.cached_tokens


async def test_a_stopped_engine_fails_what_runs_and_refuses_what_comes(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()
    stream = engine.generate(thinking_request(engine, "cut", 150))
    await anext(stream)
    await engine.stop()
    with pytest.raises(EngineError):
        async for _ in stream:
            pass
    with pytest.raises(EngineError, match="not running"):
        await engine.check_health()
    await engine.stop()


async def test_a_broken_step_fails_every_request_and_the_health_check(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()

    def broken(*args):
        raise RuntimeError("out of luck")

    engine._manager.batch_processor.model_runner._sample = broken
    with pytest.raises(EngineError, match="out of luck"):
        await collect(engine, thinking_request(engine, "unlucky", 5))
    with pytest.raises(EngineError, match="failed: out of luck"):
        await engine.check_health()
    await engine.stop()


async def test_what_is_not_a_model_is_an_engine_error(tmp_path):
    with pytest.raises(EngineError, match="can't load"):
        await TransformersEngine(str(tmp_path)).start()


async def test_a_request_that_reads_no_logprobs_gets_none_beside_one_that_does(roomy):
    asked = thinking_request(roomy, "asked", 5)
    silent = replace(asked, request_id="silent", logprobs=False)
    with_them, without = await asyncio.gather(collect(roomy, asked), collect(roomy, silent))
    assert without[:2] == (with_them[0], [])
    alone, none, _ = await collect(roomy, replace(silent, request_id="alone"))
    assert (alone, none) == (with_them[0], [])
