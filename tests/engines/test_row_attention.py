"""Attention request by request computes what attention under one mask over the batch does."""

import asyncio
from random import Random
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModelForCausalLM

from anytime_server.engines import EngineRequest, Sampling
from anytime_server.engines.transformers.engine import TransformersEngine
from anytime_server.engines.transformers.grouped_attention import grouped_attention
from anytime_server.engines.transformers.manager import attend_by_rows
from anytime_server.engines.transformers.row_attention import Prompt, RowMask, Steps, divide
from tiny_models import save_tiny_model

PAGE = 4
HEAD = 8


class Pages:
    """A cache of one layer, and of requests whose pages lie anywhere in it."""

    index = 0

    def __init__(self, requests: list[tuple[int, int]], kv_heads: int) -> None:
        pages = [-(-keys // PAGE) for _, keys in requests]
        self.states = torch.full((2, sum(pages) + 3, PAGE, kv_heads, HEAD), 7.0)
        free = Random(0).sample(range(sum(pages) + 3), sum(pages))
        self.places = []
        for (_, keys), count in zip(requests, pages, strict=True):
            own, free = free[:count], free[count:]
            self.places.append([own[key // PAGE] * PAGE + key % PAGE for key in range(keys)])
        self.layer_to_allocator = {0: self}

    def update(self, keys, values, layer, read, write):
        assert (layer, len(read)) == (0, 0)
        for states, new in zip(self.states, (keys, values), strict=True):
            states.flatten(0, 1)[write] = new

    def get_cache_for_block_table(self, layer):
        return tuple(self.states)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    "requests",
    [
        pytest.param([(1, 1), (1, 4), (1, 5), (1, 29), (1, 30), (1, 17)], id="steps"),
        pytest.param([(1, 8), (1, 8), (1, 8)], id="steps as long as each other"),
        pytest.param([(1, 9)], id="one step"),
        pytest.param([(1, 6), (3, 11), (1, 40), (5, 5), (2, 9)], id="steps and prompts"),
        pytest.param([(3, 3), (1, 1), (9, 9)], id="nothing was there before"),
    ],
)
def test_each_query_attends_to_its_own_requests_keys_up_to_itself(requests: list[tuple[int, int]], groups: int) -> None:
    torch.manual_seed(0)
    kv_heads, tokens = 2, sum(queries for queries, _ in requests)
    cache = Pages(requests, kv_heads)
    query = torch.randn(1, kv_heads * groups, tokens, HEAD)
    key, value = torch.randn(2, 1, kv_heads, tokens, HEAD)
    earlier = torch.randn(2, sum(keys for _, keys in requests), kv_heads, HEAD)
    q_bounds, k_bounds, write, expected = [0], [0], [], []
    for (queries, keys), places in zip(requests, cache.places, strict=True):
        first, past = q_bounds[-1], keys - queries
        old = earlier[:, k_bounds[-1] : k_bounds[-1] + past]
        for states, known in zip(cache.states, old, strict=True):
            states.flatten(0, 1)[places[:past]] = known
        write += places[past:]
        all_keys, all_values = (
            torch.cat([known.transpose(0, 1)[None], new[:, :, first : first + queries]], 2)
            for known, new in zip(old, (key, value), strict=True)
        )
        seen = torch.ones(queries, keys, dtype=torch.bool).tril(past)
        own = query[:, :, first : first + queries]
        expected.append(
            scaled_dot_product_attention(own, all_keys, all_values, attn_mask=seen, scale=0.3, enable_gqa=True)
        )
        q_bounds.append(first + queries)
        k_bounds.append(k_bounds[-1] + keys)
    fresh = all(queries == keys for queries, keys in requests)
    read = torch.tensor([] if fresh else [place for places in cache.places for place in places], dtype=torch.int64)
    mask = RowMask.of(divide(q_bounds, k_bounds, read, PAGE, torch.float32))
    module = SimpleNamespace(num_key_value_groups=groups, layer_idx=0)
    with torch.no_grad():
        output, _ = grouped_attention(
            module, query, key, value, mask, scaling=0.3, cache=cache, write_index=[torch.tensor(write)], dropout=0.0
        )
    torch.testing.assert_close(output, torch.cat(expected, 2).transpose(1, 2), rtol=0, atol=1e-6)


def test_padding_at_most_doubles_what_steps_read() -> None:
    keys = [3, 4, 5, 60, 64, 65, 1000]
    bounds = [sum(keys[:count]) for count in range(len(keys) + 1)]
    read = torch.arange(bounds[-1])
    parts = divide(range(len(keys) + 1), bounds, read, PAGE, torch.float32)
    assert sum(len(part.queries) for part in parts if isinstance(part, Steps)) == len(keys)
    for part in parts:
        assert isinstance(part, Steps)
        own = [-(-keys[row] // PAGE) for row in part.queries.tolist()]
        assert len(part.pages) < 2 * sum(own) or own == [1] * len(own)
    assert not any(isinstance(part, Prompt) for part in parts)


async def test_a_crowd_of_all_lengths_gets_the_models_own_logprobs(tmp_path) -> None:
    path = str(save_tiny_model(tmp_path / "qwen3", "qwen3", seed=1, context=256))
    engine = TransformersEngine(path)
    await engine.start()
    try:
        processor = engine._manager.batch_processor
        assert processor.inputs_and_outputs.attention_mask is None, "a mask over the batch is built beside"
        shared = tuple(Random(1).choices(range(40, 90), k=70))
        prompts = [(*shared[:length], length % 40 + 40) for length in (1, 3, 16, 17, 40, 69, 69, 33)]

        async def ask(number: int, prompt: tuple[int, ...]) -> tuple[list[int], list[float]]:
            await asyncio.sleep(0.01 * number)
            request = EngineRequest(f"r{number}", prompt, 24, Sampling(temperature=1.0, seed=number))
            chunks = [chunk async for chunk in engine.generate(request)]
            return [t for chunk in chunks for t in chunk.token_ids], [p for chunk in chunks for p in chunk.logprobs]

        drawn = await asyncio.gather(*(ask(number, prompt) for number, prompt in enumerate(prompts)))
    finally:
        await engine.stop()
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    for prompt, (tokens, logprobs) in zip(prompts, drawn, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        own = logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None]).flatten()
        torch.testing.assert_close(torch.tensor(logprobs), own, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "implementation"), [(["full_attention", "sliding_attention"], "sdpa"), (["full_attention"], "eager")]
)
def test_other_attention_keeps_its_mask(layers: list[str], implementation: str) -> None:
    batches = SimpleNamespace(
        config=SimpleNamespace(_attn_implementation=implementation),
        cache=SimpleNamespace(cache_allocators=dict.fromkeys(layers)),
        attention_mask={},
    )
    attend_by_rows(batches)
    assert batches.attention_mask == {} and not hasattr(batches, "get_model_kwargs")
