"""The V2 processor on CPU tensors: every row of every step has the constraint of the reference state machine."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import SamplingParams
from vllm.v1.worker.gpu.sample.logits_processor import build_custom_logits_processors_params_validator

from anytime_server.controller import FREE
from anytime_server.engines import Thinking
from anytime_server.engines.vllm import host_view, scan
from anytime_server.engines.vllm.arguments import V2_PROCESSOR
from anytime_server.engines.vllm.wire import WirePolicy
from engines.vllm.policies import EOS, FORMATS, MARKERS, TEXTS, VOCABULARY, WORDS, allowed, thinkings
from engines.vllm.v2_runner import Request, Runner, check_rows
from searches import examples

SLOTS = 4
A, MARKER, BEGINS = TEXTS.index("a"), TEXTS.index("</>"), TEXTS.index("<")
STEPS = 24

some_policies = st.lists(thinkings() | st.none(), min_size=1, max_size=8)
randoms = st.integers(0, 2**32).map(random.Random)
# An example runs thousands of small tensor operations.
few = settings(deadline=None, max_examples=examples(25))


@few
@given(some_policies, randoms)
def test_every_row_has_the_constraint_of_its_own_state(policies: list[Thinking | None], rng: random.Random) -> None:
    drive(Runner(SLOTS), policies, rng)


@few
@given(some_policies, randoms, st.integers(1, 4))
def test_rows_of_drafts_have_the_constraint_of_what_they_assume(
    policies: list[Thinking | None], rng: random.Random, drafts: int
) -> None:
    drive(Runner(SLOTS, drafts), policies, rng)


@few
@given(some_policies, randoms, st.sampled_from([1, 2, scan.MAX_WINDOW]), st.integers(1, 5))
def test_a_scan_that_lags_catches_up_by_the_token_or_all_at_once(
    policies: list[Thinking | None], rng: random.Random, window: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_view, "MAX_LAG", 4)
        patch.setattr(scan, "MAX_WINDOW", window)
        patch.setattr(scan, "PASSED_AT_ONCE", at_once)
        drive(Runner(SLOTS), policies, rng)


@pytest.mark.parametrize("ending", [(), (MARKER, A, A), (A, BEGINS, A), (A, A, A, A)], ids=str)
def test_a_long_request_that_was_preempted_is_scanned_in_few_operations(ending: tuple[int, ...]) -> None:
    request = Request(plain(budget=4003), [1, 2], [*[A] * 4000, *ending])
    runner = Runner(SLOTS, max_len=4100)
    runner.add(request, random.Random(0))
    request.prefill_left = 0
    with Launches() as launches:
        ((before, after),) = runner.step([request], [[]])
    check_rows(request, [], before, after)
    assert launches.count < 4000, "by the token it would be more than 100,000"


def drive(runner: Runner, policies: list[Thinking | None], rng: random.Random) -> None:
    waiting = [Request(thinking, [rng.choice(WORDS) for _ in range(rng.randint(1, 4))]) for thinking in policies]
    running: list[Request] = []
    for _ in range(STEPS):
        come_and_go(runner, running, waiting, rng)
        batch = [request for request in running if rng.random() < 0.8]
        rng.shuffle(batch)
        if batch:
            run_step(runner, batch, rng)


def come_and_go(runner: Runner, running: list[Request], waiting: list[Request], rng: random.Random) -> None:
    for request in list(running):
        if request.done or rng.random() < 0.04:
            running.remove(request)
            runner.remove(request)
            if not request.done:
                waiting.append(request)
    while waiting and runner.free and rng.random() < 0.7:
        request = waiting.pop(0)
        runner.add(request, rng)
        running.append(request)


def run_step(runner: Runner, batch: list[Request], rng: random.Random) -> None:
    drafts = [propose(request, rng, runner.drafts) for request in batch]
    slack = rng.randint(0, 3) if runner.drafts else 0
    for request, draft, (before, after) in zip(batch, drafts, runner.step(batch, drafts, slack), strict=True):
        if request.prefill_left:
            request.prefill_left -= 1
            continue
        accepted = draft[: rng.randint(0, check_rows(request, draft, before, after))]
        state = request.state()
        for token in accepted if state else ():
            state.observe(token)
        runner.accept(request, [*accepted, rng.choice(allowed(state.constraint() if state else FREE))])


def propose(request: Request, rng: random.Random, most: int) -> list[int]:
    """Drafts that mostly follow the policy, so that they reach beyond the first."""
    if request.prefill_left:
        return []
    state, drafts = request.state(), []
    for _ in range(rng.randint(0, most)):
        legal = allowed(state.constraint() if state else FREE)
        drafts.append(rng.choice(legal) if rng.random() < 0.9 else rng.randrange(VOCABULARY))
        if state is not None and drafts[-1] in legal:
            state.observe(drafts[-1])
    return drafts


@pytest.mark.parametrize("drafts", [0, 2])
def test_no_shape_and_no_branch_depends_on_device_data(drafts: int) -> None:
    rng = random.Random(0)
    runner = Runner(SLOTS, drafts, device="meta")
    request = Request(every_feature(), [1, 2])
    runner.add(request, rng)
    request.prefill_left = 0
    # Meta tensors hold no data: reading one back, or a data-dependent shape, raises.
    for _ in range(14):
        runner.step([request], [[A] * drafts])
        request.output.append(A)


def test_nothing_is_launched_where_no_budget_can_matter() -> None:
    rng = random.Random(0)
    runner = Runner(SLOTS)
    runner.processor._catch_up = runner.processor._constrain = launched = Recorder()
    request = Request(plain(budget=20), [1, 2])
    runner.add(request, rng)
    request.prefill_left = 0
    steps = []
    for step in range(40):
        runner.step([request], [[]])
        if launched.calls:
            steps.append(step)
            launched.calls = 0
        request.output.append(A)
    # From the budget on: the closing, and then the answer, which can't open the thinking again.
    assert steps == list(range(20, 40))


def test_a_natural_end_far_from_the_budget_is_followed_by_the_cue() -> None:
    runner = Runner(SLOTS)
    policy = replace(WirePolicy.of(plain(50)), closing=(A, MARKER), cue=(A, A))
    request = Request(policy.thinking((), frozenset(), FORMATS), [1, 2])
    runner.add(request, random.Random(0))
    request.prefill_left = 0
    for token in (A, A, MARKER, A, A, 7):
        ((before, after),) = runner.step([request], [[]])
        check_rows(request, [], before, after)
        runner.accept(request, [token])


class Launches(TorchDispatchMode):
    """Counts the operations that a device would be given."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += 1
        return operation(*args, **(kwargs or {}))


class Recorder:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1


def plain(budget: int) -> Thinking:
    policy = WirePolicy(budget, 0, 0, 0, MARKERS[0], (A, MARKER), (), EOS[:1])
    return policy.thinking((), frozenset(), FORMATS)


def every_feature() -> Thinking:
    policy = WirePolicy(12, 4, 5, 1, MARKERS[3], (A, 1, A, 2, 3), (2, 3), EOS)
    return policy.thinking((A,), frozenset({2, 5}), FORMATS)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (WirePolicy(3, 0, 0, 0, MARKERS[0], (1,) * 200, (2,) * 57, ()), "closing and cue has 257 tokens, at most 256"),
        (WirePolicy(3, 0, 0, 0, MARKERS[0], (1,), (), tuple(range(17))), "eos has 17 tokens, at most 16"),
    ],
)
def test_policies_too_long_for_the_device_tables_are_refused(policy: WirePolicy, message: str) -> None:
    validate = build_custom_logits_processors_params_validator((V2_PROCESSOR,))
    with pytest.raises(VLLMValidationError, match=message):
        validate(SamplingParams(extra_args=policy.dump()))


def test_a_budget_beyond_int32_never_ends() -> None:
    rng = random.Random(0)
    runner = Runner(SLOTS)
    request = Request(plain(budget=2**40), [1])
    runner.add(request, rng)
    request.prefill_left = 0
    ((before, after),) = runner.step([request], [[]])
    assert torch.equal(before, after)
