"""The thinking budget as a logits processor of Model Runner V2: all on the device, hardly ever waiting for it.

Each request slot has a row of parameters and a row of state on the device (see `scan`). The host knows the length of
every request, or an upper bound of it under speculative decoding, so it knows in which steps a budget can matter at
all: in all others nothing is launched, and the scan catches up later.
"""

from typing import TYPE_CHECKING

import torch
from vllm.utils.torch_utils import async_tensor_h2d
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor

from anytime_server.controller import ThinkingMarkers
from anytime_server.engines.vllm.host_view import HostView
from anytime_server.engines.vllm.scan import (
    MAX_EOS,
    MAX_SCRIPT,
    NO_TOKEN,
    START,
    ReadTokens,
    Rules,
    advance,
    catch_up,
    forbid,
    force,
    initial_state,
    no_policy,
    parameters,
)
from anytime_server.engines.vllm.tables import Roots, Tables
from anytime_server.engines.vllm.tokenizer import load_tokenizer
from anytime_server.engines.vllm.wire import EXTRA_ARG, SENTENCE_ENDS, Formats, WirePolicy

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcRequestState

FORCED_LOGIT = 1e9
"""Leaves every other token a probability of exactly 0 at any temperature, without touching their logits."""


class BudgetLogitsProcessor(LogitsProcessor):
    """Enforces policies for plain decoding and for rows of speculative drafts."""

    def __init__(self, vllm_config: "VllmConfig", req_states: "LogitsProcRequestState") -> None:
        """See `LogitsProcessor`."""
        self._requests = req_states
        slots, device = req_states.max_num_reqs, req_states.device
        speculative = vllm_config.speculative_config
        self._drafts: int = speculative.num_speculative_tokens if speculative else 0
        self._rows = torch.tensor([no_policy()], dtype=torch.int32, device=device).repeat(slots, 1)
        self._states = torch.tensor([initial_state(None, None, 0)], dtype=torch.int32, device=device).repeat(slots, 1)
        self._sentence_ends_V = torch.zeros(req_states.vocab_size, dtype=torch.bool, device=device)
        self._sentence_ends_V[list(vllm_config.additional_config.get(SENTENCE_ENDS, ()))] = True
        self._tables = Tables.empty(req_states.vocab_size, device)
        self._roots: dict[ThinkingMarkers, Roots] = {}
        self._staged: dict[int, WirePolicy | None] = {}
        self._host = HostView(slots, self._drafts)
        self.formats = Formats(lambda: load_tokenizer(vllm_config.model_config))

    @classmethod
    def validate_params(cls, sampling_params: "SamplingParams") -> None:
        """Raise ValueError for a malformed policy, or one too long for the device tables."""
        policy = WirePolicy.parse(sampling_params.extra_args)
        if policy is None:
            return
        script = len(policy.closing) + len(policy.cue)
        sizes = (("eos", len(policy.eos), MAX_EOS), ("closing and cue", script, MAX_SCRIPT))
        for name, size, largest in sizes:
            if size > largest:
                raise ValueError(f"{EXTRA_ARG}: {name} has {size} tokens, at most {largest} are supported; shorten it")

    def add_request(self, req_idx: int, sampling_params: "SamplingParams") -> bool:
        """Take over a slot, whatever its last occupant left there."""
        policy = WirePolicy.parse(sampling_params.extra_args)
        if policy is not None or self._host.has_policy[req_idx]:
            self._staged[req_idx] = policy
        prompt_len, prefill_len = self._lengths(req_idx)
        self._host.enter(req_idx, policy, prompt_len, prefill_len, self._reach(policy))
        return policy is not None

    def apply_staged_writes(self) -> None:
        """Send the parameters and first states of slots taken since the last step."""
        if not self._staged:
            return
        slots = async_tensor_h2d(list(self._staged), dtype=torch.int64, device=self._requests.device)
        rows = [
            no_policy() if policy is None else parameters(policy, self._lengths(slot)[0], self._roots_of(policy))
            for slot, policy in self._staged.items()
        ]
        states = [
            initial_state(policy, self._roots_of(policy) if policy else None, self._reach(policy))
            for policy in self._staged.values()
        ]
        for target, source in ((self._rows, rows), (self._states, states)):
            target.index_copy_(0, slots, async_tensor_h2d(source, dtype=torch.int32, device=self._requests.device))
        self._staged.clear()

    def apply(self, logits: torch.Tensor, ctx: "LogitsContext") -> torch.Tensor:
        """Constrain the rows of this step; in place."""
        # The lengths are padded to the size of the CUDA graph that this step replays.
        window = self._host.step(ctx.idx_mapping_np, ctx.seq_lens_upper_bound_np[: len(ctx.idx_mapping_np)])
        if window is not None:
            self._catch_up(ctx, window)
            self._constrain(logits, ctx)
        return logits

    def _catch_up(self, ctx: "LogitsContext", window: int) -> None:
        """Scan the committed tokens of the batch."""
        slots_R = ctx.idx_mapping.long()
        rules = self._rules(ctx, slots_R)
        counts_R1 = self._committed(slots_R) - rules.column(START)
        state_R6 = catch_up(rules, self._states[slots_R], counts_R1, window, self._read(slots_R))
        self._states.index_copy_(0, slots_R, state_R6)

    def _constrain(self, logits: torch.Tensor, ctx: "LogitsContext") -> None:
        slots_R = ctx.expanded_idx_mapping.long()
        rules, state_R6 = self._rules(ctx, slots_R), self._states[slots_R]
        counts_R1 = self._committed(slots_R) - rules.column(START)
        if logits.shape[0] > len(ctx.idx_mapping_np):
            read = self._read_with_drafts(slots_R, ctx)
            counts_R1 = counts_R1 + ctx.expanded_local_pos[:, None].to(torch.int32)
            state_R6 = advance(rules, state_R6, counts_R1, self._drafts, read)
        if self._host.forbids:
            completing_RV, eos_RE = forbid(rules, state_R6, counts_R1)
            logits.masked_fill_(completing_RV[:, : logits.shape[1]], -torch.inf)
            limits_RE = torch.where(eos_RE == NO_TOKEN, torch.inf, -torch.inf).to(logits.dtype)
            logits.scatter_reduce_(1, eos_RE.clamp(min=0).long(), limits_RE, "amin")
        tokens_R1, forced_R1 = force(rules, state_R6, counts_R1)
        floors_R1 = torch.where(forced_R1, FORCED_LOGIT, -torch.inf).to(logits.dtype)
        logits.scatter_reduce_(1, tokens_R1.long(), floors_R1, "amax")

    def _rules(self, ctx: "LogitsContext", slots_R: torch.Tensor) -> Rules:
        landing = self._host.has_landing[ctx.idx_mapping_np].any()
        return Rules(self._rows[slots_R], self._tables, self._sentence_ends_V if landing else None)

    def _roots_of(self, policy: WirePolicy) -> Roots:
        """Where the format of `policy` begins in the tables, which it is added to when it first comes up."""
        if policy.markers not in self._roots:
            format = self.formats.of(policy.markers)
            self._tables, self._roots[policy.markers] = self._tables.adding(format)
        return self._roots[policy.markers]

    def _reach(self, policy: WirePolicy | None) -> int:
        if policy is None:
            return 0
        format = self.formats.of(policy.markers)
        return (format.open_search if policy.closed else format.close_search).reach

    def _lengths(self, slot: int) -> tuple[int, int]:
        return int(self._requests.prompt_len.np[slot]), int(self._requests.prefill_len.np[slot])

    def _committed(self, slots_R: torch.Tensor) -> torch.Tensor:
        total_R: torch.Tensor = self._requests.total_len.gpu[slots_R]
        return total_R[:, None]

    def _read(self, slots_R: torch.Tensor) -> ReadTokens:
        tokens = self._requests.all_token_ids.gpu
        return lambda positions: tokens[slots_R[:, None], positions.clamp(0, tokens.shape[1] - 1)]

    def _read_with_drafts(self, slots_R: torch.Tensor, ctx: "LogitsContext") -> ReadTokens:
        """Committed tokens, and after them the drafts that stand in the input of the request's own rows.

        The first of a request's rows has its last committed token as input, the next ones its drafts.
        """
        committed = self._read(slots_R)
        total_R1 = self._committed(slots_R).long()
        rows_R = torch.arange(len(slots_R), device=slots_R.device)
        first_R1 = (rows_R - ctx.expanded_local_pos)[:, None] + 1

        def read(positions: torch.Tensor) -> torch.Tensor:
            drafts = ctx.input_ids[(first_R1 + positions - total_R1).clamp(0, len(slots_R) - 1)]
            return torch.where(positions < total_R1, committed(positions), drafts)

        return read
