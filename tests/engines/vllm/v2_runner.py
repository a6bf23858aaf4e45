"""A stand-in for vLLM's V2 model runner: request slots, and steps over any subset of them."""

import random
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from vllm.sampling_params import SamplingParams

from anytime_server.controller import FREE, BudgetState, Constraint
from anytime_server.engines import Thinking
from anytime_server.engines.vllm.v2 import BudgetLogitsProcessor
from anytime_server.engines.vllm.wire import SENTENCE_ENDS as SENTENCE_ENDS_KEY
from anytime_server.engines.vllm.wire import WirePolicy
from engines.vllm.policies import FORMATS, SENTENCE_ENDS, VOCABULARY, allowed, constrained, replay

MAX_LEN = 128


@dataclass(eq=False)
class Request:
    thinking: Thinking | None
    prompt: list[int]
    output: list[int] = field(default_factory=list)
    slot: int = -1
    prefill_left: int = 0
    done: bool = False

    @property
    def tokens(self) -> list[int]:
        return [*self.prompt, *(self.thinking.trunk_ids if self.thinking else ()), *self.output]

    def state(self) -> BudgetState | None:
        return replay(self.thinking, self.output) if self.thinking else None


class Buffer:
    """Stands in for vLLM's UvaBackedTensor and StagedWriteTensor: a host and a device side."""

    def __init__(self, *shape: int, device: str = "cpu") -> None:
        # Slots hold garbage until they are written, as recycled ones do.
        self.np = np.random.default_rng(0).integers(0, VOCABULARY, shape, dtype=np.int32)
        self.gpu = (
            torch.from_numpy(self.np) if device == "cpu" else torch.empty(shape, dtype=torch.int32, device=device)
        )


class Runner:
    def __init__(self, slots: int, drafts: int = 0, device: str = "cpu", max_len: int = MAX_LEN) -> None:
        self.drafts = drafts
        self.device = device
        self.free = list(range(slots))
        self.states = SimpleNamespace(
            device=torch.device(device),
            max_num_reqs=slots,
            vocab_size=VOCABULARY,
            all_token_ids=Buffer(slots, max_len, device=device),
            prompt_len=Buffer(slots, device=device),
            prefill_len=Buffer(slots, device=device),
            total_len=Buffer(slots, device=device),
        )
        config = SimpleNamespace(
            speculative_config=SimpleNamespace(num_speculative_tokens=drafts) if drafts else None,
            additional_config={SENTENCE_ENDS_KEY: sorted(SENTENCE_ENDS)},
        )
        self.processor = BudgetLogitsProcessor(config, self.states)
        self.processor.formats = FORMATS

    def add(self, request: Request, rng: random.Random) -> None:
        """Take a slot; a request with output is resumed after a preemption."""
        slot = request.slot = self.free.pop(rng.randrange(len(self.free)))
        tokens = request.tokens
        self.states.prompt_len.np[slot] = len(tokens) - len(request.output)
        self.states.prefill_len.np[slot] = self.states.total_len.np[slot] = len(tokens)
        self.states.all_token_ids.np[slot, : len(tokens)] = tokens
        # Prefill in chunks: a step or two whose rows count for nothing.
        request.prefill_left = rng.choice([0, 0, 1, 2])
        params = SamplingParams(extra_args=WirePolicy.of(request.thinking).dump() if request.thinking else None)
        assert self.processor.add_request(slot, params) is (request.thinking is not None)
        self.processor.apply_staged_writes()

    def remove(self, request: Request) -> None:
        self.free.append(request.slot)

    def step(self, batch: list[Request], drafts: list[list[int]], slack: int = 0) -> list[torch.Tensor]:
        """Run the processor over one row per request and draft; return, by request, rows of before and after."""
        counts = [1 + len(draft) for draft in drafts]
        slots = [request.slot for request in batch]
        inputs = [[request.tokens[-1], *draft] for request, draft in zip(batch, drafts, strict=True)]
        lengths = [len(request.tokens) - request.prefill_left for request in batch]
        context = SimpleNamespace(
            idx_mapping=self._tensor(slots),
            idx_mapping_np=np.array(slots, dtype=np.int32),
            expanded_idx_mapping=self._tensor(np.repeat(slots, counts)),
            expanded_local_pos=self._tensor([pos for count in counts for pos in range(count)]),
            input_ids=self._tensor([token for row in inputs for token in row]),
            seq_lens_upper_bound_np=_padded(
                [length + count - 1 + slack for length, count in zip(lengths, counts, strict=True)]
            ),
        )
        before = torch.randn(sum(counts), VOCABULARY, device=self.device)
        after = self.processor.apply(before.clone(), context)
        return list(zip(before.split(counts), after.split(counts), strict=True))

    def _tensor(self, values: object) -> torch.Tensor:
        return torch.tensor(np.array(values), dtype=torch.int32, device=self.device)

    def accept(self, request: Request, tokens: list[int]) -> None:
        """Commit what was sampled, on the device side too."""
        request.output.extend(tokens)
        self.states.all_token_ids.np[request.slot, : len(request.tokens)] = request.tokens
        self.states.total_len.np[request.slot] = len(request.tokens)
        request.done = bool(request.thinking) and request.output[-1] in request.thinking.format.eos_ids


def check_rows(request: Request, drafts: list[int], before: torch.Tensor, after: torch.Tensor) -> int:
    """Compare a request's rows with the state machine; return how many drafts it allows.

    Rows after a draft that the policy or the end of the sequence rules out don't count: verification drops them.
    """
    state = request.state()
    for position, (row, result) in enumerate(zip(before, after, strict=True)):
        constraint: Constraint = state.constraint() if state else FREE
        assert torch.equal(result, constrained(row, constraint)), (position, constraint)
        if position == len(drafts) or drafts[position] not in allowed(constraint):
            return position
        if state is not None:
            if drafts[position] in request.thinking.format.eos_ids:
                return position
            state.observe(drafts[position])
    raise AssertionError("more drafts than rows")


def _padded(lengths: list[int]) -> np.ndarray:
    """As vLLM pads them, with zeros to the size of a CUDA graph."""
    padded = np.zeros(-(-len(lengths) // 8) * 8, dtype=np.int32)
    padded[: len(lengths)] = lengths
    return padded
