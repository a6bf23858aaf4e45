"""Continuing prompts with transformers. Imports torch: import it where it is used."""

from collections.abc import Sequence
from typing import Any

import torch

from anytime_training.kv_cache import TrunkCache, growing_cache, trunk_cache


def generate(
    model: Any, prompts: Sequence[Sequence[int]], stop_ids: Sequence[int], pad_id: int, **settings: Any
) -> tuple[list[list[int]], TrunkCache | None]:
    """Continue each prompt up to and including a stop token; `settings` are those of the model's `generate`.

    Returns:
        The new tokens of each prompt, and the cache of prompts and replies if answers can branch off it.
    """
    width = max(map(len, prompts))
    padding = [width - len(prompt) for prompt in prompts]
    ids_BT = [[pad_id] * left + list(prompt) for left, prompt in zip(padding, prompts, strict=True)]
    mask_BT = [[0] * left + [1] * (width - left) for left in padding]
    cache = growing_cache(model.config)
    with torch.no_grad():
        output_BT = model.generate(
            torch.tensor(ids_BT, device=model.device),
            attention_mask=torch.tensor(mask_BT, device=model.device),
            past_key_values=cache,
            **settings,
        )
    replies = [_until(reply, stop_ids) for reply in output_BT[:, width:].tolist()]
    return replies, trunk_cache(cache, torch.tensor(padding, device=model.device))


def _until(ids: list[int], stop_ids: Sequence[int]) -> list[int]:
    ends = [index for index, token in enumerate(ids) if token in stop_ids]
    return ids[: ends[0] + 1] if ends else ids
