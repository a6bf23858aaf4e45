"""Log-probabilities of the tokens of packed trees on a model, a group of rows at a time.

Imports torch: import it where it is used.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from anytime_training.trees.batch import TreeBatch
from anytime_training.trees.flex import Shapes

TREE = ("tree_position", "tree_reach", "tree_start", "tool_mask")


class Pass(NamedTuple):
    """A group of rows that goes through the model; what comes of it counts, or only keeps other processes company."""

    rows: torch.Tensor
    counts: bool


class TreeForward:
    """The trees of one batch on their way through a model; calling it gives their tokens' log-probabilities.

    By default, one call computes all rows. With `by_part` each call computes the next group of rows, and only these
    have a gradient: the other rows have the values that they had before, or `start` where they were never computed. So
    after as many calls as it is long, all rows are what one call would have given, and no call held the graph of more
    than one group.
    """

    def __init__(
        self, trees: TreeBatch, passes: list[Pass], accelerator: Any, by_part: bool, start_BC: torch.Tensor | None
    ) -> None:
        self._trees, self._accelerator = trees, accelerator
        self._steps = [[one] for one in passes] if by_part else [passes]
        self._next = 0
        self._logps_BC = trees.zeros() if start_BC is None else start_BC.float()
        self._entropies_BC = trees.zeros()

    def __len__(self) -> int:
        """The calls that compute everything."""
        return len(self._steps)

    @property
    def logps_BC(self) -> torch.Tensor:
        """The log-probabilities as they are known so far, without a gradient."""
        return self._logps_BC

    def __call__(self, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and entropies (B, C) of the trees' tokens, zero in rows that need not be computed."""
        logps_BC, entropies_BC = self._logps_BC, self._entropies_BC
        for rows, counts in self._steps[self._next]:
            outputs, columns = self._run(model, rows)
            factor = 1.0 if counts else 0.0
            logps_BC = logps_BC.index_copy(0, rows, self._trees.place(outputs.log_probs.float() * factor, columns))
            if outputs.entropy is not None:  # a reference model has none
                entropy_BT = outputs.entropy.float() * factor
                entropies_BC = entropies_BC.index_copy(0, rows, self._trees.place(entropy_BT, columns))
        self._next += 1
        self._logps_BC, self._entropies_BC = logps_BC.detach(), entropies_BC.detach()
        return logps_BC, entropies_BC

    def _run(self, model: Any, rows: torch.Tensor) -> tuple[Any, slice]:
        inputs, columns = self._trees.inputs(rows)
        with self._accelerator.autocast():
            return model(**inputs, fused_lm_head=True), columns


class TreeLogps:
    """Computes log-probabilities of batches as `packing.batch` makes them.

    Rows go through the model in groups of at most `max_tokens` tokens, padding counted. Sharded models need as many
    passes in every process, so a process with fewer groups repeats its first one before the others.
    `skip_untrained` leaves out rows without a trained token. With `flex`, models run flex_attention in these shapes.
    """

    def __init__(
        self, accelerator: Any, max_tokens: int | None, skip_untrained: bool, flex: Shapes | None = None
    ) -> None:
        self._accelerator, self._max_tokens, self._skip_untrained = accelerator, max_tokens, skip_untrained
        self._flex = flex
        self.active: TreeForward | None = None
        """The forward of the batch that is computed now."""

    def forward(self, batch: Mapping[str, torch.Tensor], by_part: bool = False) -> TreeForward:
        """The forward of a batch. Every process must ask for it at the same time."""
        ids_BT = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask_BT = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        tree = {name: batch[name] for name in TREE}
        trees = TreeBatch(ids_BT, mask_BT, tree, batch["completion_ids"].shape[1], self._flex)
        groups = trees.groups(self._max_tokens, skip_untrained=self._skip_untrained)
        missing = self._most(len(groups)) - len(groups)
        passes = [Pass(groups[0], counts=False)] * missing + [Pass(group, counts=True) for group in groups]
        return TreeForward(trees, passes, self._accelerator, by_part, batch.get("old_per_token_logps"))

    @contextmanager
    def on(self, batch: Mapping[str, torch.Tensor], by_part: bool = False) -> Iterator[TreeForward]:
        """Make the forward of a batch the active one."""
        self.active = self.forward(batch, by_part)
        try:
            yield self.active
        finally:
            self.active = None

    def of(self, model: Any, batch: Mapping[str, torch.Tensor], size: int) -> torch.Tensor:
        """The log-probabilities (B, C) of a batch without gradient, `size` rows at a time at most."""
        parts = []
        with torch.no_grad():
            for first in range(0, len(batch["prompt_ids"]), size):
                part = {name: value[first : first + size] for name, value in batch.items() if value.dim() > 0}
                parts.append(self.forward(part)(model)[0])
        return torch.cat(parts)

    def _most(self, count: int) -> int:
        counts = self._accelerator.gather(torch.tensor([count], device=self._accelerator.device))
        return int(counts.max())
