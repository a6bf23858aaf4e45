"""A request of the contract as the body that vLLM's `POST /inference/v1/generate` takes."""

import json
from collections.abc import Sequence
from typing import Any

from anytime_client.protocol import SEEDS
from anytime_server.controller.seeds import mix
from anytime_server.engines.contract import EngineRequest
from anytime_server.engines.vllm.wire import WirePolicy

ROUTE = "/inference/v1/generate"


def body_of(request: EngineRequest, sample: int, eos_ids: Sequence[int], draws_by_position: bool = True) -> bytes:
    """Return the body that asks for one sample.

    Args:
        request: what is asked for.
        sample: which of its samples.
        eos_ids: end a generation that has no format of its own.
        draws_by_position: whether the server draws a token by the seed and its place; else each request of a session
            gets another seed, since it would draw the same again.
    """
    body = {
        "request_id": f"{request.request_id}.{sample}",
        "token_ids": request.input_ids,
        "sampling_params": {**_sampling(request, eos_ids), **_seed(request, sample, draws_by_position)},
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _seed(request: EngineRequest, sample: int, draws_by_position: bool) -> dict[str, int]:
    if request.sampling.seed is None:
        return {}
    seed = request.sampling.seed + sample
    return {"seed": seed % SEEDS if draws_by_position else mix(seed, len(request.input_ids))}


def _sampling(request: EngineRequest, eos_ids: Sequence[int]) -> dict[str, Any]:
    sampling, thinking = request.sampling, request.thinking
    params: dict[str, Any] = {
        "temperature": sampling.temperature,
        "max_tokens": request.max_tokens,
        # The end-of-sequence ids are the format's, not the server's reading of the model's config.
        "ignore_eos": True,
        "stop_token_ids": thinking.format.eos_ids if thinking else eos_ids,
        "detokenize": False,
    }
    cuts = {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p}
    params |= {name: value for name, value in cuts.items() if value is not None}
    if request.logprobs:
        # The token itself stands among them, and first: with one more the likeliest ones are all there.
        params["logprobs"] = request.top_logprobs + 1 if request.top_logprobs else 0
    if thinking:
        params["extra_args"] = WirePolicy.of(thinking).dump()
    if request.structured is not None:
        params["structured_outputs"] = request.structured.model_dump(exclude_unset=True)
    return params
