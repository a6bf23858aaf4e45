"""Budgets and sampling per request inside transformers' continuous batching.

Continuous batching samples one token for every row of a batch with one set of parameters. Two of its seams make that
per request: a `ContinuousBatchingLogitsProcessor` is told which requests are in the batch (`RowTracker`), and the model
runner's sampling step is replaced by one that draws each row by its own parameters (`RowTracker.sample`).
"""

import dataclasses

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor
from transformers.generation.continuous_batching.requests import FutureRequestState, RequestState

from anytime_server.controller import BudgetState, Forbid, Force, mix
from anytime_server.engines.contract import EngineRequest, Sampling

UNSOUND = "the model's scores for its next token are not numbers; a dtype with a larger range may help"


class Row:
    """One sample's parameters, random generator and budget state; it lives as long as its request.

    `alternatives` grows by an entry per generated token, before that token is delivered. `failure` is set before the
    token is delivered that could not be drawn.
    """

    def __init__(self, request: EngineRequest, sample: int, device: torch.device) -> None:
        """Start the row of one sample; samples of a seeded request get consecutive seeds."""
        self.sampling = request.sampling
        self.state: BudgetState | None = request.thinking.state() if request.thinking else None
        self._seed = None if request.sampling.seed is None else request.sampling.seed + sample
        self._generator = None if self._seed is None else torch.Generator(device)
        self._position = 0
        self.cancelled = False
        self.failure: str | None = None
        self.logprobs = request.logprobs
        self.top_logprobs = request.top_logprobs
        self.alternatives: list[tuple[tuple[int, float], ...]] = []
        self._input_length = len(request.input_ids)
        self._observed = 0

    def __deepcopy__(self, memo: object) -> "Row":
        """A request that is evicted and prefilled again goes on with the same row."""
        return self

    @property
    def generator(self) -> torch.Generator | None:
        """Of the next draw, which follows from the seed and the position; None if the request is not seeded."""
        if self._generator is None or self._seed is None:
            return None
        return self._generator.manual_seed(mix(self._seed, self._position))

    def catch_up(self, request: RequestState) -> None:
        """Observe the tokens generated since the last call.

        An evicted request carries its earlier tokens in `initial_tokens`, beyond its input.
        """
        self._position = len(request.initial_tokens) + len(request.generated_tokens)
        if self.cancelled:
            # A cancellation that overtook its request in the manager's queues found nothing to cancel.
            request._new_tokens_limit = 0
        if self.state is None:
            return
        moved = len(request.initial_tokens) - self._input_length
        for index in range(self._observed, moved + len(request.generated_tokens)):
            in_prompt = index < moved
            self.state.observe(
                request.initial_tokens[self._input_length + index]
                if in_prompt
                else request.generated_tokens[index - moved]
            )
        self._observed = moved + len(request.generated_tokens)


class RowTracker(ContinuousBatchingLogitsProcessor):
    """Knows the rows of the current batch, and samples the next token of each."""

    supported_kwargs = {"row": Row}  # noqa: RUF012 (declared so by the base class)
    ignored_kwargs = ()

    def __init__(self) -> None:
        """Start with no batch."""
        self._rows: list[Row] = []

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        """Nothing travels in the argument tensor."""

    def prepare_tensor_args(self, requests_with_new_token: list[FutureRequestState]) -> torch.Tensor:
        """Note the batch's rows, in the order of its logits."""
        self._rows = []
        for future in requests_with_new_token:
            row: Row = future.state.logit_processor_kwargs["row"]
            row.catch_up(future.state)
            self._rows.append(row)
        return torch.zeros(len(self._rows), dtype=torch.int32)

    def __call__(self, scores: torch.FloatTensor, tensor_arg: torch.Tensor) -> torch.FloatTensor:
        """Pass the scores on: all the work is done where tokens are drawn."""
        return scores

    def sample(self, scores_1NV: torch.Tensor, output_ids: torch.Tensor) -> None:
        """Draw the next token of every row; stands in for the model runner's own sampling.

        Args:
            scores_1NV: float32 logits, N rows.
            output_ids: int32, (2, >= N); row 0 takes the tokens, row 1 the bits of their logprobs where a row asks.
        """
        logits_NV = self._sound(scores_1NV[0, : len(self._rows)])
        tokens_N = self._draw(constrain(logits_NV, self._rows))
        output_ids[0, : len(tokens_N)].copy_(tokens_N)
        if any(row.logprobs for row in self._rows):
            self._report(logits_NV.log_softmax(-1), tokens_N, output_ids[1])

    def _sound(self, logits_NV: torch.Tensor) -> torch.Tensor:
        """Return the logits with those of rows that no token can be drawn from made even; such rows have failed."""
        broken_N = ~logits_NV.amax(-1).isfinite()
        if not broken_N.any():
            return logits_NV
        for index in broken_N.nonzero().flatten().tolist():
            self._rows[index].failure = UNSOUND
        return logits_NV.masked_fill(broken_N[:, None], 0.0)

    def _report(self, logprobs_NV: torch.Tensor, tokens_N: torch.Tensor, bits: torch.Tensor) -> None:
        """Write the tokens' logprobs to `bits`, and note the alternatives of each row that wants some."""
        logprobs_N = logprobs_NV.gather(1, tokens_N[:, None]).squeeze(1)
        bits[: len(tokens_N)].copy_(logprobs_N.view(torch.int32))
        for row, logprobs_V in zip(self._rows, logprobs_NV, strict=True):
            if row.top_logprobs:
                row.alternatives.append(top(logprobs_V, row.top_logprobs))

    def _draw(self, logits_NV: torch.Tensor) -> torch.Tensor:
        tokens_N = logits_NV.argmax(-1)
        groups: dict[Sampling, list[int]] = {}
        for index, row in enumerate(self._rows):
            if row.sampling.temperature > 0:
                groups.setdefault(dataclasses.replace(row.sampling, seed=None), []).append(index)
        for sampling, members in groups.items():
            probs_MV = warp(logits_NV[members], sampling).softmax(-1)
            tokens_N[members] = race(probs_MV, [self._rows[index].generator for index in members])
        return tokens_N


def race(probs_MV: torch.Tensor, generators: list[torch.Generator | None]) -> torch.Tensor:
    """Draw a token of each row, by its own generator if it has one, as `torch.multinomial` does for each alone.

    Each token waits for an exponential time of rate p, and the first one wins.
    """
    waits_MV = torch.empty_like(probs_MV).exponential_()
    for waits_V, generator in zip(waits_MV, generators, strict=True):
        if generator is not None:
            waits_V.exponential_(generator=generator)
    return (probs_MV / waits_MV).argmax(-1)


def top(logprobs_V: torch.Tensor, count: int) -> tuple[tuple[int, float], ...]:
    """Return the `count` most likely tokens with their logprobs, best first."""
    best = logprobs_V.topk(min(count, len(logprobs_V)))
    return tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def constrain(logits_NV: torch.Tensor, rows: list[Row]) -> torch.Tensor:
    """Return the logits with each row's budget constraint applied; the input is left alone."""
    constraints = [(index, row.state.constraint()) for index, row in enumerate(rows) if row.state is not None]
    forced = [(index, constraint.token) for index, constraint in constraints if isinstance(constraint, Force)]
    forbidden = [(index, constraint.tokens) for index, constraint in constraints if isinstance(constraint, Forbid)]
    if not forced and not forbidden:
        return logits_NV
    logits_NV = logits_NV.clone()
    if forced:
        indices, tokens = zip(*forced, strict=True)
        logits_NV[list(indices)] = float("-inf")
        logits_NV[list(indices), list(tokens)] = 0.0
    for index, banned in forbidden:
        logits_NV[index, list(banned)] = float("-inf")
    return logits_NV


def warp(logits_MV: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Apply temperature, then top-k, top-p and min-p, as `generate` does.

    The highest logit is moved to 0 first, so that dividing by a small temperature can't overflow.
    """
    logits_MV = logits_MV - logits_MV.max(-1, keepdim=True).values
    warpers = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k is not None:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None and sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    warped: torch.Tensor = warpers(None, logits_MV)
    return warped
