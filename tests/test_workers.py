"""Processes that work within a time limit: what is left when the time of a batch is over."""

import multiprocessing
from functools import partial

import pytest

from anytime_server.workers import Outcome, StartError, WorkerPool

SLEEP = partial(eval, "__import__('time').sleep")
DIVIDE = partial(eval, "__import__('operator').truediv")


@pytest.fixture(autouse=True)
def _as_elsewhere(monkeypatch):
    """Other tests fork them."""
    monkeypatch.setattr("anytime_server.workers._context", multiprocessing.get_context("spawn"))


@pytest.fixture
def before():
    return set(multiprocessing.active_children())


def test_outcomes_are_in_the_order_of_the_tasks():
    pool = WorkerPool(DIVIDE, 10.0, 2)
    assert pool.run([(1, 2), (1, 0), (3, 2)]) == [
        Outcome("done", 0.5),
        Outcome("failed", error="ZeroDivisionError: division by zero"),
        Outcome("done", 1.5),
    ]
    pool.close()


def test_what_is_not_done_when_the_time_of_a_batch_is_over_is_dropped(before):
    pool = WorkerPool(SLEEP, 100.0, 1)
    assert pool.run([(0,)])[0].state == "done"
    assert [outcome.state for outcome in pool.run([(1000,), (0,)], within_s=0.3)] == ["dropped", "dropped"]
    assert set(multiprocessing.active_children()) == before
    assert pool.run([(0,)])[0].state == "done"
    pool.close()


def test_no_time_at_all_starts_nothing(before):
    pool = WorkerPool(SLEEP, 1.0, 1)
    assert pool.run([(0,)], within_s=0.0) == [Outcome("dropped")]
    assert set(multiprocessing.active_children()) == before


@pytest.mark.parametrize("error", [OSError(11, "Resource temporarily unavailable"), RuntimeError("\n  too early")])
def test_a_process_that_the_system_does_not_start_is_an_error(monkeypatch, error):
    def refuse(process):
        raise error

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", refuse)
    with pytest.raises(StartError, match=r"can't be started: .*(unavailable|too early)"):
        WorkerPool(DIVIDE, 1.0, 1).run([(1, 1)])


def test_a_function_that_cannot_be_made_is_an_error(before):
    with pytest.raises(StartError, match="ended while it started"):
        WorkerPool(partial(eval, "1/0"), 1.0, 1).run([(0,)])
    assert set(multiprocessing.active_children()) == before
