"""A request of the contract as the body that vLLM's `POST /inference/v1/generate` takes."""

import json
from collections.abc import Sequence
from typing import Any

from anytime_server.engines.contract import EngineRequest
from anytime_server.engines.vllm.wire import WirePolicy

ROUTE = "/inference/v1/generate"


def body_of(request: EngineRequest, sample: int, eos_ids: Sequence[int]) -> bytes:
    """Return the body that asks for one sample; `eos_ids` end a generation that has no format of its own."""
    body = {
        "request_id": f"{request.request_id}.{sample}",
        "token_ids": request.input_ids,
        "sampling_params": _sampling(request, sample, eos_ids),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _sampling(request: EngineRequest, sample: int, eos_ids: Sequence[int]) -> dict[str, Any]:
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
    if sampling.seed is not None:
        params["seed"] = sampling.seed + sample
    if request.logprobs:
        # The token itself stands among them, and first: with one more the likeliest ones are all there.
        params["logprobs"] = request.top_logprobs + 1 if request.top_logprobs else 0
    if thinking:
        params["extra_args"] = WirePolicy.of(thinking).dump()
    if request.structured is not None:
        params["structured_outputs"] = request.structured.model_dump(exclude_unset=True)
    return params
