"""Attention on a CPU that reads shared keys and values where they lie.

transformers repeats the keys and values of each group of query heads before it calls torch, wherever there is a mask:
for each token it copies the whole cache. torch's kernel for CPUs takes the groups as they are.

Imports torch and transformers: import it where it is used.
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.generation.continuous_batching.cache import PagedAttentionCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from anytime_server.engines.transformers.row_attention import RowMask, row_attention


def install() -> None:
    """Use it for every model whose attention is `sdpa`."""
    AttentionInterface.register("sdpa", grouped_attention)


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What `sdpa` computes: query (B, H, Q, D), key and value (B, H / groups, K, D) to (B, Q, H, D)."""
    if isinstance(attention_mask, RowMask):
        return row_attention(module, query, key, value, attention_mask, **options)
    if not _applies(module, query, attention_mask, options):
        attended: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return attended
    cache = options.pop("cache", None)
    if isinstance(cache, PagedAttentionCache):
        key, value = cache.update(key_states=key, value_states=value, layer_idx=module.layer_idx, kwargs=options)
    output = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=options.get("scaling"), enable_gqa=True
    )
    return output.transpose(1, 2).contiguous(), None


def _applies(module: torch.nn.Module, query: torch.Tensor, mask: torch.Tensor | None, options: dict[str, Any]) -> bool:
    """Without gradients only: the kernel's backward pass knows no groups."""
    plain = type(mask) is torch.Tensor and options.get("position_bias") is None and not options.get("dropout")
    grouped = getattr(module, "num_key_value_groups", 1) > 1
    return query.device.type == "cpu" and plain and grouped and not torch.is_grad_enabled()
