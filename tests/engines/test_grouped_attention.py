"""Attention over grouped keys and values computes what transformers' own does."""

from types import SimpleNamespace

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from anytime_server.engines.transformers.grouped_attention import grouped_attention


@pytest.mark.parametrize("queries", [1, 7])
def test_it_is_what_transformers_computes_with_repeated_keys(queries: int) -> None:
    torch.manual_seed(0)
    module = SimpleNamespace(num_key_value_groups=4, is_causal=True)
    query = torch.randn(3, 8, queries, 16)
    key, value = torch.randn(3, 2, 40, 16)[:, :, :31], torch.randn(3, 2, 40, 16)[:, :, :31]
    mask = torch.rand(3, 1, queries, 31) < 0.7
    mask[..., 0] = True
    with torch.no_grad():
        ours, _ = grouped_attention(module, query, key, value, mask, scaling=0.3)
        theirs, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    assert ours.shape == (3, queries, 8, 16)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_it_copies_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    query, key = torch.randn(2, 4, 1, 16), torch.randn(2, 2, 9, 16)
    monkeypatch.setattr("transformers.integrations.sdpa_attention.repeat_kv", _fail)
    with torch.no_grad():
        grouped_attention(module, query, key, key, torch.ones(2, 1, 1, 9, dtype=torch.bool))


def test_gradients_go_through_transformers_own() -> None:
    module = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    query, key = torch.randn(1, 4, 3, 16, requires_grad=True), torch.randn(1, 2, 3, 16, requires_grad=True)
    output, _ = grouped_attention(module, query, key, key, torch.ones(1, 1, 3, 3, dtype=torch.bool))
    output.sum().backward()
    assert query.grad is not None and key.grad is not None


def _fail(*_: object) -> None:
    raise AssertionError("keys were repeated")
