"""A padded batch of packed rows on its way through the model. Imports torch: import it where it is used."""

from itertools import accumulate, pairwise
from typing import Any

import torch
from torch.nn.functional import pad

from anytime_training.trees.attention import PAIR_BYTES
from anytime_training.trees.flex import Shapes, block_mask
from anytime_training.trees.row import attention_mask

MASK_BYTES = 2**30
"""What the masks of a group of rows may take under sdpa; a row alone may take more."""


class TreeBatch:
    """Prompts padded left beside trees padded right, `keep` columns; `tree` holds tensors of `packing.batch`.

    With `flex`, rows go through a model that runs flex_attention, in these shapes; else through sdpa.
    """

    def __init__(
        self,
        ids_BT: torch.Tensor,
        mask_BT: torch.Tensor,
        tree: dict[str, torch.Tensor],
        keep: int,
        flex: Shapes | None = None,
    ) -> None:
        """Shift positions, reach and start by the padding left of each row."""
        self._flex = flex
        self._ids_BT, self._valid_BT, self._keep = ids_BT, mask_BT.bool(), keep
        self._weights_BC = tree["tool_mask"]
        P = ids_BT.shape[1] - keep
        left_B1 = (~self._valid_BT[:, :P]).sum(1, keepdim=True)
        index_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
        prompt_BP = index_T[:P] - left_B1
        self._positions_BT = torch.cat([prompt_BP.clamp(min=0), tree["tree_position"]], dim=1)
        reach_BC = tree["tree_reach"] + left_B1 * (tree["tree_reach"] > 0)
        self._reach_BT = torch.cat([torch.zeros_like(prompt_BP), reach_BC], dim=1)
        self._start_BT = torch.cat([torch.zeros_like(prompt_BP), tree["tree_start"] + left_B1], dim=1)

    def zeros(self) -> torch.Tensor:
        """Zeros for every token of the trees, float32 (B, keep)."""
        return torch.zeros_like(self._weights_BC, dtype=torch.float32)

    def groups(self, max_tokens: int | None, skip_untrained: bool) -> list[torch.Tensor]:
        """Row indices to compute together: sorted by length, at most `max_tokens` tokens a group with padding.

        Under sdpa, a group's masks take at most `MASK_BYTES`. `skip_untrained` leaves out rows without a trained token,
        but never all rows: every process must compute one.
        """
        lengths = self._valid_BT.sum(1)
        rows = lengths.argsort()
        if skip_untrained:
            trained = (self._weights_BC * self._valid_BT[:, -self._keep :]).sum(1) > 0
            rows = rows[trained[rows]] if bool(trained.any()) else rows[:1]
        P = self._ids_BT.shape[1] - self._keep
        sides_B2 = torch.stack([self._valid_BT[:, :P].sum(1), self._valid_BT[:, P:].sum(1)], dim=1)
        groups: list[list[int]] = [[]]
        left = right = 0
        for row, (prompt, tree) in zip(rows.tolist(), sides_B2[rows].tolist(), strict=True):
            left, right = max(left, prompt), max(right, tree)
            if groups[-1] and not self._fits(len(groups[-1]) + 1, left + right, max_tokens):
                groups.append([])
                left, right = prompt, tree
            groups[-1].append(row)
        parts = [part for group in groups for part in self._parts(group)]
        return [torch.tensor(part, device=rows.device) for part in parts]

    def _fits(self, rows: int, width: int, max_tokens: int | None) -> bool:
        if self._flex:
            width = self._flex.length(width)
        elif rows * width**2 * PAIR_BYTES > MASK_BYTES:
            return False
        return max_tokens is None or rows * width <= max_tokens

    def _parts(self, group: list[int]) -> list[list[int]]:
        """A group as it goes through the model: under flex_attention, in powers of two."""
        if not self._flex:
            return [group]
        ends = list(accumulate(self._flex.rows(len(group)), initial=0))
        return [group[first:end] for first, end in pairwise(ends)]

    def inputs(self, rows: torch.Tensor) -> tuple[dict[str, Any], slice]:
        """The model's inputs for some rows, without the columns that are padding in all of them."""
        valid_BT = self._valid_BT[rows]
        used = valid_BT.any(0).nonzero()
        first, last = int(used[0]), int(used[-1]) + 1
        columns = slice(first, last)
        ids_BT, valid_BT = self._ids_BT[rows, columns], valid_BT[:, columns]
        reach_BT, start_BT = self._shifted(self._reach_BT, rows, columns), self._shifted(self._start_BT, rows, columns)
        labels_BT = ids_BT.masked_fill(~valid_BT, -100)
        labels_BT[:, : self._ids_BT.shape[1] - self._keep - first] = -100
        positions_BT = self._positions_BT[rows, columns]
        if self._flex:
            extra = self._flex.length(ids_BT.shape[1]) - ids_BT.shape[1]
            ids_BT, positions_BT, reach_BT = (pad(t, (0, extra)) for t in (ids_BT, positions_BT, reach_BT))
            labels_BT, valid_BT = pad(labels_BT, (0, extra), value=-100), pad(valid_BT, (0, extra), value=False)
            start_BT = pad(start_BT, (0, extra), value=ids_BT.shape[1])
        mask = (block_mask if self._flex else attention_mask)(reach_BT, start_BT, valid_BT)
        inputs = {"input_ids": ids_BT, "position_ids": positions_BT, "attention_mask": mask, "labels": labels_BT}
        return inputs, columns

    def place(self, values_BT: torch.Tensor, columns: slice) -> torch.Tensor:
        """Per-token values of `inputs`, one fewer than its tokens, as (B, keep)."""
        width = columns.stop - columns.start - 1
        kept = self._keep - (self._ids_BT.shape[1] - columns.stop)
        return pad(values_BT[:, width - kept : width], (0, self._keep - kept))

    @staticmethod
    def _shifted(values_BT: torch.Tensor, rows: torch.Tensor, columns: slice) -> torch.Tensor:
        shifted: torch.Tensor = values_BT[rows, columns] - columns.start
        return shifted.clamp(min=0)
