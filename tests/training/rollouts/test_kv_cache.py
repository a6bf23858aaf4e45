"""Caches that are written in place hold what transformers' own hold."""

import pytest
import torch
from transformers import Lfm2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, Qwen3NextConfig

from anytime_training.rollouts.kv_cache import GrowingLayer, attends_to_all, growing_cache, trunk_cache
from tiny_rollouts import tiny_lm


def test_a_layer_returns_all_tokens_whatever_the_steps():
    torch.manual_seed(0)
    layer, keys, values = GrowingLayer(), torch.randn(2, 3, 40, 4), torch.randn(2, 3, 40, 4)
    first = 0
    for size in (5, 1, 1, 13, 1, 19):
        last = first + size
        known = layer.update(keys[:, :, first:last], values[:, :, first:last])
        assert torch.equal(known[0], keys[:, :, :last])
        assert torch.equal(known[1], values[:, :, :last])
        assert layer.get_seq_length() == last
        first = last


def test_selected_rows_grow_on_their_own():
    cache = growing_cache(tiny_lm().config)
    for layer in range(2):
        cache.update(torch.randn(3, 1, 5, 16), torch.randn(3, 1, 5, 16), layer)
    trunks = trunk_cache(cache, torch.tensor([0, 2, 1]))
    before = cache.layers[1].keys.clone()
    chosen = trunks.select([2, 0])
    assert chosen.first_B.tolist() == [1, 0]
    assert torch.equal(chosen.cache.layers[1].keys, before[[2, 0]])
    chosen.cache.update(torch.zeros(2, 1, 1, 16), torch.zeros(2, 1, 1, 16), 1)
    assert chosen.cache.get_seq_length(1) == 6
    assert torch.equal(cache.layers[1].keys, before)


def test_a_model_with_sliding_windows_keeps_no_trunk_to_branch_off():
    config = Qwen3Config(
        num_hidden_layers=2,
        sliding_window=4,
        use_sliding_window=True,
        layer_types=["full_attention", "sliding_attention"],
    )
    cache = growing_cache(config)
    assert [layer.is_sliding for layer in cache.layers] == [False, True]
    assert trunk_cache(cache, torch.zeros(1, dtype=torch.long)) is None


@pytest.mark.parametrize(
    "config",
    [
        Qwen3Config(use_sliding_window=True, num_hidden_layers=2, max_window_layers=1),
        Lfm2Config(num_hidden_layers=2, layer_types=["conv", "full_attention"]),
        Qwen3NextConfig(num_hidden_layers=2, layer_types=["linear_attention", "full_attention"]),
        MistralConfig(num_hidden_layers=2, sliding_window=4096),
    ],
    ids=lambda config: config.model_type,
)
def test_layers_that_do_not_attend_to_all_tokens_are_told(config):
    assert not attends_to_all(config)


@pytest.mark.parametrize("config", [Qwen3Config(), Qwen2Config(), LlamaConfig(), MistralConfig(sliding_window=None)])
def test_models_of_full_attention_are_known(config):
    assert attends_to_all(config)
