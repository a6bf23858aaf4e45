"""A model's own sampling defaults and what ends its answers, from its generation config."""

from collections.abc import Mapping
from typing import Any

from anytime_server.engines.contract import Sampling


def default_sampling(generation_config: Mapping[str, Any]) -> Sampling:
    """Read `generation_config.json`: what it does not set keeps the OpenAI default, a temperature of 1.

    `do_sample: false` is greedy, whatever temperature stands beside it.
    """
    if generation_config.get("do_sample") is False:
        return Sampling(temperature=0.0)
    temperature = generation_config.get("temperature")
    top_p, top_k = generation_config.get("top_p"), generation_config.get("top_k")
    return Sampling(
        temperature=1.0 if temperature is None else float(temperature),
        top_p=top_p if top_p is not None and top_p < 1 else None,
        top_k=top_k or None,
        min_p=generation_config.get("min_p") or None,
    )


def end_ids(generation_config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the tokens that end a generation; none if `generation_config.json` names none."""
    ids = generation_config.get("eos_token_id")
    return tuple(ids) if isinstance(ids, list) else () if ids is None else (ids,)
