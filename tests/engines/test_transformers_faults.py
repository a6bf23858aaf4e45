"""Faults of the transformers engine: a row that can't be drawn, a step that raises, a step that hangs."""

import asyncio
import gc
import logging
import os
import threading
import weakref
from dataclasses import replace

import pytest
import torch

from anytime_server.controller import BudgetPolicy, ThinkingFormat
from anytime_server.engines import EngineLoad, EngineRequest, Sampling, Supervised, Thinking
from anytime_server.engines.supervision.restarts import Restarts
from anytime_server.engines.transformers.engine import TransformersEngine
from anytime_server.errors import EngineDied, EngineError
from tiny_models import save_tiny_model

BUDGET, SESSIONS = 30, 8


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return str(save_tiny_model(tmp_path_factory.mktemp("tiny") / "qwen3", "qwen3", seed=1, context=256))


@pytest.fixture(scope="module")
async def undisturbed(model_path):
    """What the sessions think where nothing goes wrong."""
    engine = TransformersEngine(model_path)
    await engine.start()
    yield await all_of(engine)
    await engine.stop()


@pytest.fixture
async def supervised(model_path):
    inner = TransformersEngine(model_path)
    engine = Supervised(inner, stall_s=1.0)
    await engine.start()
    yield engine, inner
    await engine.stop()


def thinking(engine, index, done=()):
    """Every second request is greedy, every other one seeded."""
    format = ThinkingFormat.resolve(engine.tokenizer)
    prompt = tuple(engine.tokenizer.encode(f"question {index}: ")) + format.open_ids
    policy = BudgetPolicy(BUDGET, min_budget=BUDGET)
    return EngineRequest(
        f"r{index}.{len(done)}",
        prompt,
        BUDGET - len(done),
        Sampling(temperature=1.0, seed=index) if index % 2 else Sampling(temperature=0.0),
        thinking=Thinking(policy, format, tuple(done)),
        session_id=f"s{index}",
    )


async def outlived(engine, index, lost=None):
    """Think to the end of the budget, from the trunk on after every death."""
    done = []
    while len(done) < BUDGET:
        try:
            async for chunk in engine.generate(thinking(engine, index, done)):
                done.extend(chunk.token_ids)
        except EngineDied:
            if lost is not None:
                lost.append(index)
            await engine.alive()
    return done


async def all_of(engine, lost=None):
    return await asyncio.gather(*(outlived(engine, index, lost) for index in range(SESSIONS)))


def at_step(manager, number, fault):
    """Have `fault(scores)` act on the scores of one step, before its tokens are drawn."""
    runner, count = manager.batch_processor.model_runner, iter(range(10**6))
    draw = runner._sample

    def faulty(scores, output_ids):
        if next(count) == number:
            scores = fault(scores)
        draw(scores, output_ids)

    runner._sample = faulty


async def test_a_row_that_can_not_be_drawn_fails_alone(supervised, undisturbed):
    engine, inner = supervised

    def poison(scores):
        scores = scores.clone()
        scores[0, 5] = float("nan")
        return scores

    at_step(inner._manager, 20, poison)
    outcomes = await asyncio.gather(*(outlived(engine, index) for index in range(SESSIONS)), return_exceptions=True)
    failed = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, EngineError)]
    assert len(failed) == 1
    assert "not numbers" in outcomes[failed[0]].message
    assert not isinstance(outcomes[failed[0]], EngineDied)
    for index in {*range(SESSIONS)} - {*failed}:
        assert outcomes[index] == undisturbed[index]
    assert engine.restarts == 0
    await settled(engine)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
async def test_no_score_breaks_the_loop(supervised, value):
    engine, inner = supervised
    at_step(inner._manager, 3, lambda scores: torch.full_like(scores, value))
    for index in range(2):
        with pytest.raises(EngineError, match="not numbers"):
            await outlived(engine, index)
        at_step(inner._manager, 3, lambda scores: torch.full_like(scores, value))
    assert engine.restarts == 0


async def test_sessions_outlive_an_exception_in_a_step(supervised, undisturbed):
    engine, inner = supervised

    def fail(scores):
        raise RuntimeError("out of luck")

    at_step(inner._manager, 15, fail)
    lost = []
    assert await all_of(engine, lost) == undisturbed
    assert sorted(lost) == list(range(SESSIONS))
    assert engine.restarts == 1
    await settled(engine)


async def test_sessions_outlive_a_step_that_hangs(supervised, undisturbed):
    engine, inner = supervised
    release = threading.Event()
    hung = inner._manager._generation_thread

    def hang(scores):
        release.wait(60)
        return scores

    at_step(inner._manager, 15, hang)
    lost = []
    try:
        assert await all_of(engine, lost) == undisturbed
        assert sorted(lost) == list(range(SESSIONS))
        assert hung.is_alive() and hung.daemon
    finally:
        release.set()
    await asyncio.to_thread(hung.join, 30)
    assert not hung.is_alive()
    # What woke up is nobody's engine any more.
    assert engine.restarts == 1
    assert await outlived(engine, 3) == undisturbed[3]
    await settled(engine)


async def test_a_request_that_came_as_the_thread_ended_is_not_left_waiting(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()
    manager = engine._manager
    ended, goes_on = threading.Event(), threading.Event()
    mark = manager.background_thread_status.mark_as_stopped

    def late():
        ended.set()
        goes_on.wait(30)
        mark()

    manager.background_thread_status.mark_as_stopped = late
    at_step(manager, 0, lambda scores: 1 / 0)
    with pytest.raises(EngineDied):
        await outlived_once(engine, 1)
    await asyncio.to_thread(ended.wait, 30)
    # As if its thread had not yet been marked when the request was taken.
    manager.background_thread_status.can_accept_new_requests = lambda: None
    waiting = asyncio.create_task(outlived_once(engine, 2))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    goes_on.set()
    with pytest.raises(EngineDied):
        await asyncio.wait_for(waiting, 30)
    await engine.stop()


async def outlived_once(engine, index):
    return [token async for chunk in engine.generate(thinking(engine, index)) for token in chunk.token_ids]


async def test_a_bare_engine_that_died_is_not_coming_back(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()
    at_step(engine._manager, 0, lambda scores: 1 / 0)
    with pytest.raises(EngineDied):
        await outlived_once(engine, 1)
    assert engine.load() == EngineLoad(0, 0, 0.0)
    with pytest.raises(EngineError, match="division by zero"):
        await engine.alive()
    await engine.stop()


async def test_a_gpu_is_given_up_at_once(supervised):
    engine, inner = supervised
    assert inner.recovery == "restart"
    inner.recovery = "process"
    at_step(inner._manager, 3, lambda scores: 1 / 0)
    with pytest.raises(EngineError, match="only a new process"):
        await outlived(engine, 1)
    assert engine.lost is not None


@pytest.mark.slow
async def test_restarts_leak_neither_threads_nor_descriptors_nor_models(supervised, caplog, monkeypatch):
    engine, inner = supervised
    monkeypatch.setattr(Restarts, "FIRST_WAIT_S", 0.01)
    # A log that is captured keeps tracebacks, and these all that was there.
    caplog.set_level(logging.CRITICAL, logger="ContinuousBatchingLogger")

    async def die(number):
        at_step(inner._manager, 0, lambda scores: 1 / 0)
        await outlived(engine, number)

    await die(0)
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    dead = []
    for number in range(1, 4):
        dead.append(weakref.ref(inner._manager))
        await die(number)
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before
    gc.collect()
    assert [manager() for manager in dead] == [None] * 3


async def settled(engine):
    async with asyncio.timeout(30):
        while engine.load() != EngineLoad(0, 0, 0.0):
            await asyncio.sleep(0.01)


async def test_a_slow_reader_of_a_finished_generation_is_no_hang(model_path):
    engine = TransformersEngine(model_path)
    await engine.start()
    stream = engine.generate(replace(thinking(engine, 1), logprobs=False))
    await anext(stream)
    async with asyncio.timeout(30):
        while engine.load() != EngineLoad(0, 0, 0.0):
            await asyncio.sleep(0.01)
    await stream.aclose()
    await engine.stop()
