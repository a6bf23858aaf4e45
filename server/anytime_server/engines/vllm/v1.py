"""The thinking budget as a V1 logits processor: the reference state machine, run on the host for each row."""

from typing import TYPE_CHECKING

import torch
from vllm.utils.torch_utils import async_tensor_h2d
from vllm.v1.sample.logits_processor import LogitsProcessor, MoveDirectionality

from anytime_server.controller import BudgetState, Constraint, Forbid, Force
from anytime_server.engines.contract import Thinking
from anytime_server.engines.vllm.tokenizer import load_tokenizer
from anytime_server.engines.vllm.wire import SENTENCE_ENDS, Formats, WirePolicy

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams
    from vllm.v1.sample.logits_processor import BatchUpdate

FORCED_LOGIT = 1e9
"""Leaves every other token a probability of exactly 0 at any temperature, without touching their logits."""


class BudgetLogitsProcessor(LogitsProcessor):
    """Keeps one state per row that has a policy.

    Tokens are observed in `apply`, not in `update_state`: under async scheduling the newest output token is a
    placeholder until just before sampling.
    """

    def __init__(self, vllm_config: "VllmConfig", device: torch.device, is_pin_memory: bool) -> None:
        """See `LogitsProcessor`."""
        self._device = device
        self._sentence_end_ids = frozenset(vllm_config.additional_config.get(SENTENCE_ENDS, ()))
        self.formats = Formats(lambda: load_tokenizer(vllm_config.model_config))
        self._rows: dict[int, _Row] = {}

    @classmethod
    def validate_params(cls, sampling_params: "SamplingParams") -> None:
        """Raise ValueError for a malformed policy."""
        WirePolicy.parse(sampling_params.extra_args)

    def is_argmax_invariant(self) -> bool:
        """Forcing changes what is greedy."""
        return False

    def update_state(self, batch_update: "BatchUpdate | None") -> None:
        """Follow requests that enter, leave or change rows."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._rows.pop(index, None)
        for index, params, prompt_ids, output_ids in batch_update.added:
            self._place(index, self._new_row(params, prompt_ids, output_ids))
        for source, target, direction in batch_update.moved:
            moved, replaced = self._rows.pop(source, None), self._rows.pop(target, None)
            self._place(target, moved)
            if direction is MoveDirectionality.SWAP:
                self._place(source, replaced)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Write all rows' constraints by one indexed write; nothing is done if no row has one."""
        rows: list[int] = []
        tokens: list[int] = []
        values: list[float] = []
        for index, row in self._rows.items():
            match row.constraint():
                case Force(token):
                    rows.append(index)
                    tokens.append(token)
                    values.append(FORCED_LOGIT)
                case Forbid(forbidden):
                    rows.extend([index] * len(forbidden))
                    tokens.extend(forbidden)
                    values.extend([-float("inf")] * len(forbidden))
        if rows:
            where = (
                async_tensor_h2d(rows, dtype=torch.long, device=self._device),
                async_tensor_h2d(tokens, dtype=torch.long, device=self._device),
            )
            logits.index_put_(where, async_tensor_h2d(values, dtype=logits.dtype, device=self._device))
        return logits

    def _place(self, index: int, row: "_Row | None") -> None:
        if row is None:
            self._rows.pop(index, None)
        else:
            self._rows[index] = row

    def _new_row(self, params: "SamplingParams", prompt_ids: list[int] | None, output_ids: list[int]) -> "_Row | None":
        policy = WirePolicy.parse(params.extra_args)
        if policy is None:
            return None
        trunk_ids = tuple(prompt_ids[len(prompt_ids) - policy.trunk :]) if prompt_ids else ()
        return _Row(policy.thinking(trunk_ids, self._sentence_end_ids, self.formats), output_ids)


class _Row:
    """A request's state machine and its output, a list that vLLM grows.

    A request that comes back after a preemption is added anew with the output it had: its state is replayed.
    """

    def __init__(self, thinking: Thinking, output_ids: list[int]) -> None:
        self._thinking = thinking
        self._output_ids = output_ids
        self._restart()

    def _restart(self) -> None:
        self._state: BudgetState = self._thinking.state()
        self._observed = 0

    def constraint(self) -> Constraint:
        """Catch up with the output and return what the next token may be."""
        if len(self._output_ids) < self._observed:
            # vLLM drops output tokens whose KV could not be loaded.
            self._restart()
        for token in self._output_ids[self._observed :]:
            self._state.observe(token)
        self._observed = len(self._output_ids)
        return self._state.constraint()
