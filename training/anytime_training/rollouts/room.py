"""How many rollouts fit into memory at a time. Imports torch where a model is looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

COPIES = 3
"""Times that a token is cached at the peak: in the trunks' cache, in the answers', and in a buffer that is growing."""

PAIR_BYTES = 5
"""Of a query and a key: one in a boolean mask, and four in a bias."""

ON_CPU = 4 * 2**30
"""Bytes that rollouts may take where there is no GPU."""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory for rollouts, in bytes; what a token takes in the key-value cache, and on its way through the model."""

    bytes: int
    cached: int
    computed: int

    @classmethod
    def beside(cls, model: Any) -> "Room":
        """Half of what is free on the GPU, with `model` loaded; what torch keeps of an update before is free, too."""
        import torch

        device, free = model.device, ON_CPU
        if device.type == "cuda":
            kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            free = (torch.cuda.mem_get_info(device)[0] + kept) // 2
        config, size = model.config.get_text_config(), model.dtype.itemsize
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return cls(
            free,
            cached=2 * config.num_hidden_layers * heads * head_dim * size,
            computed=(3 * config.intermediate_size + 8 * config.hidden_size) * size,
        )

    def rows(self, tokens: int, new: int = 1) -> int:
        """How many rows of `tokens` tokens fit, one at least, if the last `new` of them are computed in one pass."""
        row = tokens * self.cached * COPIES + new * (self.computed + tokens * PAIR_BYTES)
        return max(1, self.bytes // row)


def batches(sizes: Sequence[tuple[int, int]], most: int, room: Room | None) -> Iterator[list[int]]:
    """Indices of rows to compute together: at most `most`, and what fits; `sizes` are what `Room.rows` takes.

    Rows are sorted by length, as a batch takes what its longest row would take in each.
    """
    batch: list[int] = []
    tokens = new = 0
    for index in sorted(range(len(sizes)), key=lambda index: sizes[index]):
        tokens, new = max(tokens, sizes[index][0]), max(new, sizes[index][1])
        full = len(batch) == most or (room is not None and len(batch) >= room.rows(tokens, new))
        if batch and full:
            yield batch
            batch, (tokens, new) = [], sizes[index]
        batch.append(index)
    if batch:
        yield batch
