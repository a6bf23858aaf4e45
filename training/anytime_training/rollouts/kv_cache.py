"""Key-value caches of rollouts: written in place while they grow, and kept for the answers that branch off them.

Imports torch and transformers: import it where it is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

NOWHERE = 2**62
"""Index of a cached column that holds no token of its row: beyond any token."""


class GrowingLayer(DynamicLayer):
    """A layer that writes new tokens into buffers, doubled when full; its base copies the whole cache for each token.

    The buffers never have room for more than `limit` tokens, if that is enough. For generation without gradients.
    """

    def __init__(self, limit: int | None = None) -> None:
        """Begin empty."""
        super().__init__()
        self._limit = limit

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Add tokens (B, heads, tokens, size) and return all keys and values, as views of the buffers."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = key_states[:, :, :0], value_states[:, :, :0]
        known = self.get_seq_length()
        length = known + key_states.shape[2]
        if length > self._buffers[0].shape[2]:
            room = 2 * length if self._limit is None else max(length, min(2 * length, self._limit))
            self._buffers = _roomier(self._buffers[0], known, room), _roomier(self._buffers[1], known, room)
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, known:length] = new
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)
        return self.keys, self.values


def _roomier(buffer: torch.Tensor, known: int, room: int) -> torch.Tensor:
    larger = buffer.new_empty(*buffer.shape[:2], room, buffer.shape[3])
    larger[:, :, :known] = buffer[:, :, :known]
    return larger


@dataclass(frozen=True)
class TrunkCache:
    """What generation cached: row b's prompt and trunk lie from column `first_B[b]` on, its last token perhaps not."""

    cache: Cache
    first_B: torch.Tensor

    def known(self, lengths: Sequence[int]) -> list[int]:
        """How many tokens of each row need not be computed: those that are cached, but never its last one."""
        columns = self.cache.get_seq_length()
        pairs = zip(lengths, self.first_B.tolist(), strict=True)
        return [min(length - 1, columns - first) for length, first in pairs]

    def index(self, known_B1: torch.Tensor) -> torch.Tensor:
        """The place in its row of each cached column, (B, columns); `NOWHERE` outside of the first `known` tokens."""
        index_BC = torch.arange(self.cache.get_seq_length(), device=self.first_B.device) - self.first_B.unsqueeze(1)
        return index_BC.masked_fill((index_BC < 0) | (index_BC >= known_B1), NOWHERE)

    def select(self, rows: Sequence[int], more: int | None = None) -> "TrunkCache":
        """A copy of some rows, to grow on its own, by at most `more` tokens if that is known."""
        index = torch.tensor(rows, device=self.first_B.device)
        limit = None if more is None else self.cache.get_seq_length() + more
        chosen = Cache(layers=[GrowingLayer(limit) for _ in self.cache.layers])
        for number, layer in enumerate(self.cache.layers):
            chosen.update(layer.keys[index], layer.values[index], number)
        return TrunkCache(chosen, self.first_B[index])


def attends_to_all(config: Any) -> bool:
    """Whether each layer of the model attends to all tokens, as branches that are packed into one row need it."""
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ())
    return kinds <= {"full_attention"} and _is_plain(DynamicCache(config=config))


def growing_cache(config: Any, limit: int | None = None) -> Cache:
    """An empty cache for the model, of at most `limit` tokens a row if that is known.

    A model with other layers than full attention gets transformers' own.
    """
    cache = DynamicCache(config=config)
    return Cache(layers=[GrowingLayer(limit) for _ in cache.layers]) if _is_plain(cache) else cache


def trunk_cache(cache: Cache, first_B: torch.Tensor) -> TrunkCache | None:
    """The cache to branch off, None if its layers do not keep all tokens."""
    return TrunkCache(cache, first_B) if _is_plain(cache) else None


def _is_plain(cache: Cache) -> bool:
    return all(type(layer) in (DynamicLayer, GrowingLayer) for layer in cache.layers)
