"""A trunk and the branches off it, packed in one row, so that the trunk is computed once.

A token sees the first `reach` tokens of the row, and the tokens before it from `start`, where its own segment begins.
The trunk segment has reach 0 and start 0; a branch cut off at n has reach n, starts where it lies in the row, and its
positions go on from n.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class TreeRow:
    """Token ids with, for each token, its position, what it sees, and the weight of its loss as a target."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    reach: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def extend(self, ids: Sequence[int], weights: Sequence[float]) -> None:
        """Append to the trunk; weight 0 marks a token that is no target."""
        self._append(ids, weights, first_position=len(self.ids), reach=0, start=0)

    def fork(self, at: int, ids: Sequence[int], weights: Sequence[float]) -> None:
        """Append a branch that sees the first `at` tokens of the trunk."""
        self._append(ids, weights, first_position=at, reach=at, start=len(self.ids))

    def after(self, count: int) -> "TreeRow":
        """What follows the first `count` tokens; what its tokens see still counts from the start of the row."""
        return TreeRow(
            self.ids[count:], self.positions[count:], self.reach[count:], self.start[count:], self.weights[count:]
        )

    def _append(
        self, ids: Sequence[int], weights: Sequence[float], first_position: int, reach: int, start: int
    ) -> None:
        if len(ids) != len(weights):
            raise ValueError(f"{len(ids)} tokens but {len(weights)} weights")
        self.ids.extend(ids)
        self.weights.extend(weights)
        self.positions.extend(range(first_position, first_position + len(ids)))
        self.reach.extend([reach] * len(ids))
        self.start.extend([start] * len(ids))


def collate(rows: Sequence[TreeRow], pad_id: int, multiple: int = 1) -> dict[str, "torch.Tensor"]:
    """Stack rows into (B, T) tensors `input_ids`, `position_ids`, `reach`, `start` (int64) and `weights` (float32).

    Padding lies on the right, up to the next `multiple`; each pad token is a segment of its own.
    """
    import torch

    length = -(-max(len(row.ids) for row in rows) // multiple) * multiple
    start_BT = torch.arange(length).repeat(len(rows), 1)
    batch = {
        "input_ids": torch.full_like(start_BT, pad_id),
        "position_ids": torch.zeros_like(start_BT),
        "reach": torch.zeros_like(start_BT),
        "start": start_BT,
        "weights": torch.zeros(start_BT.shape),
    }
    for index, row in enumerate(rows):
        end = len(row.ids)
        if not end:
            continue  # torch reads no empty buffer
        # By way of an array: torch takes three times as long to read a list.
        batch["input_ids"][index, :end] = torch.frombuffer(array("q", row.ids), dtype=torch.int64)
        batch["position_ids"][index, :end] = torch.frombuffer(array("q", row.positions), dtype=torch.int64)
        batch["reach"][index, :end] = torch.frombuffer(array("q", row.reach), dtype=torch.int64)
        batch["start"][index, :end] = torch.frombuffer(array("q", row.start), dtype=torch.int64)
        batch["weights"][index, :end] = torch.frombuffer(array("f", row.weights), dtype=torch.float32)
    return batch


def attention_mask(
    reach_BT: "torch.Tensor", start_BT: "torch.Tensor", valid_BT: "torch.Tensor | None" = None
) -> "torch.Tensor":
    """The boolean mask (B, 1, T, T) of which tokens (last dimension) each token sees; sdpa skips what nobody sees.

    Tokens that are not `valid` are seen by themselves only. It is filled some queries at a time, so that the mask
    itself is all that takes memory.
    """
    import torch

    from anytime_training.trees.attention import QUERIES, TreeMask

    B, T = reach_BT.shape
    index_T = torch.arange(T, device=reach_BT.device)
    mask_B1TT = torch.empty(B, 1, T, T, dtype=torch.bool, device=reach_BT.device)
    for first in range(0, T, QUERIES):
        queries = slice(first, first + QUERIES)
        index_Q1 = index_T[queries].unsqueeze(-1)
        seen_BQT = (index_T < reach_BT[:, queries].unsqueeze(-1)) | (index_T >= start_BT[:, queries].unsqueeze(-1))
        seen_BQT &= index_T <= index_Q1
        if valid_BT is not None:
            seen_BQT &= valid_BT.unsqueeze(1) | (index_T == index_Q1)
        mask_B1TT[:, 0, queries] = seen_BQT
    return mask_B1TT.as_subclass(TreeMask)
