"""Attention of packed trees by sdpa, without the work for keys that nobody sees.

sdpa computes a dense mask whole, although a tree's mask is mostly empty: the trunk is causal, and a branch does not see
the others. Like the masks of `torch.nn.attention.bias`, this one is a tensor that says itself how it is applied, so
models pass it on to sdpa as they pass any other mask. Imports torch: import it where it is used.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

QUERIES = 256
"""Queries of a block: fewer leave out more keys, but torch's CPU kernel slows down."""

PAIR_BYTES = 5
"""The most bytes of a query and a key: one in the mask, and four in a block's bias."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Queries in a row, the keys that at least one of them sees, and 0 or minus infinity for each pair (B, 1, Q, K)."""

    queries: slice
    keys: slice | torch.Tensor
    bias: torch.Tensor


class TreeMask(torch.Tensor):
    """A boolean mask (B, 1, Q, K) of the keys each query sees, one at least; `as_subclass` makes it of a plain one.

    sdpa with it gives what it gives with the plain mask. All other operations give plain tensors.
    """

    _blocks: dict[torch.dtype, list[_Block]]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Divide sdpa into blocks; leave everything else as it is."""
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention and isinstance(kwargs.get("attn_mask"), cls):
            return _attend(*args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    # Which keys are seen differs from batch to batch: compiled, each would be so anew, up to a limit and a warning.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def blocks(self, dtype: torch.dtype) -> list[_Block]:
        """The blocks of attention in `dtype`; all layers share them."""
        if not hasattr(self, "_blocks"):
            self._blocks = {}
        if dtype not in self._blocks:
            plain = self.as_subclass(torch.Tensor)
            self._blocks[dtype] = [_block(plain, first, dtype) for first in range(0, plain.shape[2], QUERIES)]
        return self._blocks[dtype]


def _block(mask: torch.Tensor, first: int, dtype: torch.dtype) -> _Block:
    rows = mask[:, :, first : first + QUERIES]
    seen = rows.any(2).any(0).flatten().nonzero().flatten()
    low, high = int(seen[0]), int(seen[-1]) + 1
    keys = slice(low, high) if len(seen) == high - low else seen
    visible = rows[..., keys]
    bias = torch.zeros(visible.shape, dtype=dtype, device=mask.device).masked_fill_(~visible, float("-inf"))
    return _Block(slice(first, first + QUERIES), keys, bias)


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_mask: TreeMask, **options: Any
) -> torch.Tensor:
    parts = [
        scaled_dot_product_attention(
            query[:, :, block.queries],
            key[:, :, block.keys],
            value[:, :, block.keys],
            attn_mask=block.bias,
            **options,
        )
        for block in attn_mask.blocks(query.dtype)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
