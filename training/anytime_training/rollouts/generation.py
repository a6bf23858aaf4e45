"""Continuing prompts with transformers. Imports torch: import it where it is used."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig

from anytime_training.rollouts.kv_cache import TrunkCache, growing_cache, trunk_cache
from anytime_training.rollouts.stops import Stop


def generate(
    model: Any, prompts: Sequence[Sequence[int]], stop: Stop, pad_id: int, **settings: Any
) -> tuple[list[list[int]], TrunkCache | None]:
    """Continue each prompt up to and including what stops it; `settings` are those of the model's `generate`.

    What the model's own generation config likes beside them, such as a penalty, has no part in it: answers are sampled
    without it, and servers know nothing of it. With `max_new_tokens` among them, no cache has room for more.

    Returns:
        The new tokens of each prompt, and the cache of prompts and replies if answers can branch off it.
    """
    width = max(map(len, prompts))
    padding = [width - len(prompt) for prompt in prompts]
    limit = width + settings["max_new_tokens"] if "max_new_tokens" in settings else None
    ids_BT = [[pad_id] * left + list(prompt) for left, prompt in zip(padding, prompts, strict=True)]
    mask_BT = [[0] * left + [1] * (width - left) for left in padding]
    cache = growing_cache(model.config, limit)
    with torch.no_grad(), _without_likings(model):
        output_BT = model.generate(
            torch.tensor(ids_BT, device=model.device),
            attention_mask=torch.tensor(mask_BT, device=model.device),
            past_key_values=cache,
            stopping_criteria=stop.criteria(len(prompts)),
            **settings,
        )
    replies = [stop.until(reply) for reply in output_BT[:, width:].tolist()]
    return replies, trunk_cache(cache, torch.tensor(padding, device=model.device))


@contextmanager
def _without_likings(model: Any) -> Iterator[None]:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    likings, base.generation_config = base.generation_config, GenerationConfig()
    try:
        yield
    finally:
        base.generation_config = likings
