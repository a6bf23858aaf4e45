"""The body of `POST /inference/v1/generate`, as far as it is served, as a request of the contract.

Names and meanings are vLLM's. What it has besides is refused by its name, rather than left out in silence.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from anytime_client.protocol import StructuredOutputs
from anytime_server.controller import FormatError
from anytime_server.engines import Engine, EngineRequest, Sampling, Thinking
from anytime_server.engines.vllm.wire import EXTRA_ARG, Formats, WirePolicy
from anytime_server.errors import InvalidRequest

Ids = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]


class Part(BaseModel):
    """Values of their own types only, and no field that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid")


class SamplingParams(Part):
    """How tokens are drawn, for how long, and under which thinking policy."""

    max_tokens: int = Field(ge=1)
    stop_token_ids: Ids
    ignore_eos: Literal[True]
    temperature: float = Field(default=1.0, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    logprobs: int | None = Field(default=None, ge=0)
    n: Literal[1] = 1
    detokenize: Literal[False] = False
    extra_args: dict[str, Any] | None = None
    structured_outputs: StructuredOutputs | None = None


class StreamOptions(Part):
    """What is told besides tokens: usage always is."""

    include_usage: bool = True


class GenerateRequest(Part):
    """Token ids, and how to go on from them."""

    request_id: str = Field(default="", max_length=256)
    model: str | None = None
    token_ids: Ids = Field(min_length=1)
    sampling_params: SamplingParams
    stream: Literal[True]
    stream_options: StreamOptions = StreamOptions()


class Reader:
    """Turns bodies into requests for one engine."""

    def __init__(self, engine: Engine, sentence_end_ids: frozenset[int]) -> None:
        """Read for an engine that has been started."""
        self._engine = engine
        self._sentence_end_ids = sentence_end_ids
        self._formats = Formats(lambda: engine.tokenizer)

    def read(self, body: GenerateRequest, request_id: str, session_id: str) -> EngineRequest:
        """Return what the engine is asked.

        Raises:
            InvalidRequest: if the engine can't do it, naming the field.
        """
        params, ids = body.sampling_params, body.token_ids
        self._check_model(body.model)
        self._check_ids("token_ids", ids)
        self._check_length(len(ids), params.max_tokens)
        thinking = self._thinking(params.extra_args, ids)
        eos_ids = thinking.format.eos_ids if thinking else self._engine.tokenizer.eos_ids
        if set(params.stop_token_ids) != set(eos_ids) or set(eos_ids) != set(self._engine.tokenizer.eos_ids):
            known = sorted(self._engine.tokenizer.eos_ids)
            message = f"they must be the model's ends of sequence, {known}, and those of the policy"
            raise InvalidRequest(message, param="sampling_params.stop_token_ids")
        if params.structured_outputs is not None and (task := self._engine.unsupported.get("structured_outputs")):
            raise InvalidRequest(
                f"the {self._engine.name} engine can't {task}", param="sampling_params.structured_outputs"
            )
        trunk = len(thinking.trunk_ids) if thinking else 0
        return EngineRequest(
            request_id=request_id,
            prompt_ids=tuple(ids[: len(ids) - trunk]),
            max_tokens=params.max_tokens,
            sampling=Sampling(params.temperature, params.top_p, params.top_k or None, params.min_p, params.seed),
            thinking=thinking,
            structured=params.structured_outputs,
            logprobs=params.logprobs is not None,
            top_logprobs=params.logprobs or 0,
            session_id=session_id,
        )

    def _thinking(self, extra_args: Mapping[str, Any] | None, ids: list[int]) -> Thinking | None:
        if unknown := set(extra_args or {}) - {EXTRA_ARG}:
            raise InvalidRequest(f"unknown {sorted(unknown)}; remove it", param="sampling_params.extra_args")
        try:
            policy = WirePolicy.parse(extra_args)
            if policy is None:
                return None
            if policy.trunk > len(ids):
                raise ValueError(f"{EXTRA_ARG}.trunk is longer than the prompt")
            thinking = policy.thinking(tuple(ids[len(ids) - policy.trunk :]), self._sentence_end_ids, self._formats)
        except (ValueError, FormatError) as error:
            raise InvalidRequest(str(error), param="sampling_params.extra_args") from error
        self._check_ids(f"sampling_params.extra_args.{EXTRA_ARG}", [*policy.closing, *policy.cue, *policy.eos])
        return thinking

    def _check_model(self, model: str | None) -> None:
        if model is not None and model != self._engine.model:
            raise InvalidRequest(f"this worker serves {self._engine.model!r}, not {model!r}", param="model")

    def _check_ids(self, name: str, ids: list[int]) -> None:
        size = self._engine.tokenizer.vocab_size
        if ids and max(ids) >= size:
            raise InvalidRequest(f"{max(ids)} is no token; the vocabulary has {size}", param=name)

    def _check_length(self, prompt: int, most: int) -> None:
        longest = self._engine.limits.max_model_len
        if prompt + most > longest:
            message = f"{prompt} token_ids and max_tokens of {most} don't fit the context of {longest}; ask for less"
            raise InvalidRequest(message, param="sampling_params.max_tokens")
