"""When a run that was asked to end does end: after a step whose rollouts are used up, and never after its last."""

import os
import signal
from types import SimpleNamespace

import pytest

from anytime_training.errors import RunStopped
from anytime_training.runs.stopping import StopOnSigterm


def steps(stop, asked_in, until=8, updates=1):
    """The steps at which a run is told to save and stop, when it is asked to in the step `asked_in`."""
    ended, state = [], SimpleNamespace(max_steps=8)
    stop.on_train_begin(None, state, None)
    for step in range(1, until + 1):
        if step == asked_in:
            os.kill(os.getpid(), signal.SIGTERM)
        state.global_step = step
        control = SimpleNamespace(should_save=False, should_training_stop=False)
        stop.on_step_end(None, state, control)
        assert control.should_save == control.should_training_stop
        if control.should_save:
            ended.append(step)
            break
    stop.on_train_end(None, state, None)
    return ended


@pytest.fixture(autouse=True)
def harmless():
    """A second signal must reach what was there before."""
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append("signal"))
    yield got
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("updates", "expected"), [(1, [3]), (0.5, [3]), (4, [4])])
def test_a_run_ends_after_the_step_in_which_the_rollouts_are_used_up(tmp_path, updates, expected):
    stop = StopOnSigterm(updates)
    assert steps(stop, asked_in=3) == expected
    with pytest.raises(RunStopped, match=f"SIGTERM after step {expected[0]} of 8"):
        stop.check(tmp_path)


@pytest.mark.parametrize("asked_in", [None, 8])
def test_a_run_that_is_through_is_not_stopped(tmp_path, asked_in):
    stop = StopOnSigterm()
    assert steps(stop, asked_in) == []
    stop.check(tmp_path)


def test_the_second_signal_is_not_held_back(harmless):
    stop = StopOnSigterm()
    stop.on_train_begin(None, None, None)
    for expected in ([], ["signal"]):
        os.kill(os.getpid(), signal.SIGTERM)
        assert harmless == expected
