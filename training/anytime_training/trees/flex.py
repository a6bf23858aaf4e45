"""flex_attention over packed trees: few shapes, masks by blocks, and no silent run without its kernel.

torch compiles flex_attention anew for each shape. Past its limit it goes on without the kernel, which holds every score
in memory, and says nothing. So rows are padded to a few lengths, forward passes take a power of two of them, and one
shape too many is an error. Imports torch: import it where it is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._dynamo.exc import FailOnRecompileLimitHit
from torch.nn.attention.flex_attention import BlockMask

from anytime_training.errors import TrainingError

BLOCK = 128
"""Tokens of a block: what flex_attention computes or skips as one."""

STEP = 2048
"""Rows are padded to a multiple of so many tokens, unless they are shorter."""

KINDS = 4
"""A shape is compiled with gradients and without, and for the trained model as well as for the reference."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Lengths are multiples of `step` tokens and, below it, powers of two of `BLOCK`; rows are powers of two."""

    step: int = STEP

    def __post_init__(self) -> None:
        """Refuse a step that is not made of whole blocks."""
        if self.step < BLOCK or self.step % BLOCK:
            raise ValueError(f"flex_step {self.step} must be a multiple of {BLOCK} tokens, flex_attention's block")

    def length(self, tokens: int) -> int:
        """The length that so many tokens are padded to."""
        if tokens > self.step:
            return -(-tokens // self.step) * self.step
        return min(self.step, BLOCK << max(0, (tokens - 1) // BLOCK).bit_length())

    def rows(self, count: int) -> list[int]:
        """Rows of each forward pass that together make `count`, largest first."""
        return [1 << bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]

    def count(self, longest: int, rows: int) -> int:
        """How many shapes batches can have, of at most `rows` rows of at most `longest` tokens each."""
        return len({self.length(tokens) for tokens in range(1, longest + BLOCK, BLOCK)}) * rows.bit_length()


@contextmanager
def compiling(shapes: int) -> Iterator[None]:
    """Compile flex_attention once for each of so many shapes (as `Shapes.count` says), and for no more.

    Raises:
        TrainingError: if there are more shapes than that.
    """
    limit = KINDS * shapes
    settings = {
        "automatic_dynamic_shapes": False,  # a kernel for each shape: those for any shape are slower, and break on CPUs
        "fail_on_recompile_limit_hit": True,
        "recompile_limit": limit,
        "accumulated_recompile_limit": limit,
    }
    with torch._dynamo.config.patch(settings):
        try:
            yield
        except FailOnRecompileLimitHit as error:
            raise TrainingError(
                f"flex_attention met more than {limit} kinds of batches, and would go on without its kernel; raise "
                "trainer.flex_step, or take attn_implementation out of trainer.model_init_kwargs"
            ) from error


def block_mask(reach_BT: torch.Tensor, start_BT: torch.Tensor, valid_BT: torch.Tensor) -> BlockMask:
    """The mask of `row.attention_mask`, by blocks: flex_attention skips those that nobody sees.

    How many keys of a block a token sees follows from where its two ranges of keys begin and end, so that no tensor
    holds every pair of tokens: the largest is (B, T, T / BLOCK).
    """

    def sees(b: Any, _: Any, query: Any, key: Any) -> Any:
        in_segment = (key < reach_BT[b, query]) | (key >= start_BT[b, query])
        return (key <= query) & in_segment & (valid_BT[b, key] | (key == query))

    B, T = reach_BT.shape
    counts_BTK = _seen_in_blocks(reach_BT, start_BT, valid_BT)
    queries_BQKX = counts_BTK.view(B, -1, BLOCK, T // BLOCK).transpose(2, 3)
    full_BQK = (queries_BQKX == BLOCK).all(-1)
    partial_BQK = (queries_BQKX > 0).any(-1) & ~full_BQK
    return BlockMask.from_kv_blocks(
        *_listed(partial_BQK), *_listed(full_BQK), BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(T, T)
    )


def _seen_in_blocks(reach_BT: torch.Tensor, start_BT: torch.Tensor, valid_BT: torch.Tensor) -> torch.Tensor:
    """How many keys of each block each token sees, (B, T, T / BLOCK): those below its reach, and its own segment's."""
    B, T = reach_BT.shape
    index_T = torch.arange(T, device=reach_BT.device)
    low_K = torch.arange(0, T, BLOCK, device=reach_BT.device)
    before_BX = torch.nn.functional.pad(valid_BT.int().cumsum(1), (1, 0))  # valid keys before each place

    def inside(first_BT: torch.Tensor, end_BT: torch.Tensor) -> torch.Tensor:
        ends_BTK = (
            torch.minimum(torch.maximum(edge_BT.unsqueeze(-1), low_K), low_K + BLOCK) for edge_BT in (first_BT, end_BT)
        )
        first_BTK, last_BTK = (before_BX.gather(1, ends.flatten(1)).view(B, T, -1) for ends in ends_BTK)
        return (last_BTK - first_BTK).clamp(min=0)

    end_BT = (index_T + 1).expand(B, T)
    counts_BTK = inside(torch.zeros_like(reach_BT), torch.minimum(reach_BT, end_BT))
    counts_BTK += inside(torch.maximum(start_BT, reach_BT), end_BT)
    own_TK = index_T.unsqueeze(1) // BLOCK == low_K // BLOCK
    return counts_BTK + (own_TK & ~valid_BT.unsqueeze(-1)).int()


def _listed(blocks_BQK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The number of key blocks of each query block, (B, 1, Q), and their indices first, (B, 1, Q, K)."""
    blocks_B1QK = blocks_BQK.int().unsqueeze(1)
    order_B1QK = blocks_B1QK.argsort(dim=-1, descending=True, stable=True)
    return blocks_B1QK.sum(-1, dtype=torch.int32), order_B1QK.int().contiguous()
