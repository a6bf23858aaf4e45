"""The V1 processor in a simulated vLLM batch: requests enter, leave, move, swap and come back after a preemption."""

import random
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import (
    BatchUpdateBuilder,
    MoveDirectionality,
    validate_logits_processors_parameters,
)

from anytime_server.controller import FREE, BudgetState
from anytime_server.engines import Thinking
from anytime_server.engines.vllm.arguments import V1_PROCESSOR
from anytime_server.engines.vllm.v1 import BudgetLogitsProcessor
from anytime_server.engines.vllm.wire import EXTRA_ARG, WirePolicy
from anytime_server.engines.vllm.wire import SENTENCE_ENDS as SENTENCE_ENDS_KEY
from engines.vllm.policies import FORMATS, SENTENCE_ENDS, VOCABULARY, allowed, constrained, replay, thinkings

PLACEHOLDER = -1
randoms = st.integers(0, 2**32).map(random.Random)


def make_processor() -> BudgetLogitsProcessor:
    config = SimpleNamespace(additional_config={SENTENCE_ENDS_KEY: sorted(SENTENCE_ENDS)})
    processor = BudgetLogitsProcessor(config, torch.device("cpu"), is_pin_memory=False)
    processor.formats = FORMATS
    return processor


@dataclass(eq=False)
class Request:
    thinking: Thinking | None
    output: list[int] = field(default_factory=list)
    done: bool = False

    @property
    def params(self) -> SamplingParams:
        return SamplingParams(extra_args=WirePolicy.of(self.thinking).dump() if self.thinking else None)

    @property
    def prompt(self) -> list[int]:
        return [0, 1, *(self.thinking.trunk_ids if self.thinking else ())]

    def state(self) -> BudgetState | None:
        return replay(self.thinking, self.output) if self.thinking else None


class Batch:
    """vLLM's persistent batch: new requests fill holes, then the last rows move into the holes left."""

    def __init__(self) -> None:
        self.rows: list[Request | None] = []
        self.builder = BatchUpdateBuilder()

    def remove(self, request: Request) -> None:
        index = self.rows.index(request)
        self.rows[index] = None
        self.builder.removed_append(index)

    def add(self, request: Request) -> None:
        index = self.builder.pop_removed()
        if index is None:
            index = len(self.rows)
            self.rows.append(None)
        self.rows[index] = request
        self.builder.added.append((index, request.params, request.prompt, request.output))

    def condense(self) -> None:
        while None in self.rows:
            if self.rows[-1] is None:
                self.rows.pop()
                continue
            hole = self.builder.pop_removed()
            self.rows[hole] = self.rows.pop()
            self.builder.moved.append((len(self.rows), hole, MoveDirectionality.UNIDIRECTIONAL))

    def swap(self, first: int, second: int) -> None:
        self.rows[first], self.rows[second] = self.rows[second], self.rows[first]
        self.builder.moved.append((first, second, MoveDirectionality.SWAP))


@given(st.lists(thinkings() | st.none(), min_size=1, max_size=8), randoms, st.booleans())
def test_every_row_has_the_constraint_of_its_own_state(
    policies: list[Thinking | None], rng: random.Random, async_scheduling: bool
) -> None:
    processor, batch = make_processor(), Batch()
    waiting = [Request(thinking) for thinking in policies]
    for _ in range(40):
        shuffle_batch(batch, waiting, rng)
        real = [row.output[-1] if row.output else None for row in batch.rows]
        if async_scheduling:
            set_last(batch, [PLACEHOLDER] * len(real))
        processor.update_state(batch.builder.get_and_reset(len(batch.rows)))
        set_last(batch, real)
        logits = torch.randn(len(batch.rows), VOCABULARY)
        constraints = [state.constraint() if (state := row.state()) else FREE for row in batch.rows]
        expected = [constrained(row, constraint) for row, constraint in zip(logits, constraints, strict=True)]
        result = processor.apply(logits.clone())
        assert torch.equal(result, torch.stack(expected) if expected else logits)
        for row, constraint in zip(batch.rows, constraints, strict=True):
            row.output.append(rng.choice(allowed(constraint)))
            row.done = bool(row.thinking) and row.output[-1] in row.thinking.format.eos_ids


def shuffle_batch(batch: Batch, waiting: list[Request], rng: random.Random) -> None:
    leaving = [row for row in batch.rows if row.done or rng.random() < 0.1]
    for row in leaving:
        batch.remove(row)
    for request in list(waiting):
        if rng.random() < 0.5:
            waiting.remove(request)
            batch.add(request)
    # A preempted request comes back later, with a new list of the same output.
    waiting.extend(Request(row.thinking, list(row.output)) for row in leaving if not row.done)
    batch.condense()
    if len(batch.rows) > 1 and rng.random() < 0.3:
        batch.swap(*rng.sample(range(len(batch.rows)), 2))


def set_last(batch: Batch, tokens: list[int | None]) -> None:
    for row, token in zip(batch.rows, tokens, strict=True):
        if row.output:
            row.output[-1] = token


@given(thinkings(), randoms)
def test_dropped_output_tokens_are_taken_back(thinking: Thinking, rng: random.Random) -> None:
    processor, request = make_processor(), Request(thinking)
    batch = Batch()
    batch.add(request)
    processor.update_state(batch.builder.get_and_reset(1))
    for _ in range(10):
        request.output.append(rng.choice(allowed(request.state().constraint())))
    processor.apply(torch.zeros(1, VOCABULARY))
    del request.output[rng.randrange(10) :]
    logits = torch.zeros(1, VOCABULARY)
    expected = constrained(logits[0], request.state().constraint())
    assert torch.equal(processor.apply(logits)[0], expected)


def test_a_batch_without_constraints_is_left_alone() -> None:
    processor = make_processor()
    processor.update_state(None)
    logits = torch.randn(3, VOCABULARY)
    assert processor.apply(logits) is logits
    assert not processor.is_argmax_invariant()


POLICY = {
    "budget": 3, "min_budget": 0, "landing": 0, "trunk": 0, "closing": [2, 1], "cue": [], "eos": [0], "open": "<a>",
    "close": "</>", "header_end": "", "reopen": "", "headers": [], "closed": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": -1}, "budget must be an integer >= 0"),
        ({"budget": "3"}, "budget must be an integer >= 0"),
        ({"budget": True}, "budget must be an integer >= 0"),
        ({"min_budget": 4}, "min_budget must not be above the budget"),
        ({"close": ""}, "open and close must not be empty"),
        ({"close": [1]}, "close must be a text"),
        ({"headers": "x"}, "headers must be a list of texts"),
        ({"headers": [""]}, "headers must not be empty"),
        ({"cue": "x"}, "cue must be a list"),
        ({"eos": [1.5]}, "eos must be an integer"),
        ({"more": 1}, "must be a mapping with the keys"),
    ],
)
def test_malformed_policies_are_refused_at_admission(change: dict[str, object], message: str) -> None:
    params = SamplingParams(extra_args={EXTRA_ARG: POLICY | change})
    with pytest.raises(VLLMValidationError, match=message):
        validate_logits_processors_parameters([V1_PROCESSOR], params)


@given(thinkings())
def test_a_policy_survives_the_wire(thinking: Thinking) -> None:
    wire = WirePolicy.of(thinking)
    assert WirePolicy.parse(SamplingParams(extra_args=wire.dump()).extra_args) == wire
