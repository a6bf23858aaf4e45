"""Runs that are asked to end (SIGTERM) leave a checkpoint that `--resume` goes on from.

Imports transformers: import it where it is used.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback

from anytime_training.errors import RunStopped


class StopOnSigterm(TrainerCallback):
    """Ends a run with a checkpoint after the step in which any of its processes got SIGTERM.

    It waits for a step that is a multiple of `updates`, the updates on one batch of rollouts: those are in no
    checkpoint. A second SIGTERM does what it did before, which is to end the process at once.
    """

    def __init__(self, updates: float = 1) -> None:
        self._updates = max(1, updates)
        self._asked = False
        self._before: Callable[..., Any] | int | None = signal.SIG_DFL
        self._stopped: tuple[int, int] | None = None

    def check(self, out: Path) -> None:
        """Tell that the run did not go to its end.

        Raises:
            RunStopped: if it was asked to end, naming the step and how to go on.
        """
        if self._stopped is not None:
            step, steps = self._stopped
            raise RunStopped(
                f"stopped by SIGTERM after step {step} of {steps}; its checkpoint is in {out / 'checkpoints'}: give "
                "the same command with --resume to go on"
            )

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Listen."""
        self._before = signal.signal(signal.SIGTERM, self._ask)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save and end, if any process was asked to."""
        if not self._any_asked() or state.global_step % self._updates or state.global_step >= state.max_steps:
            return
        control.should_save = control.should_training_stop = True
        self._stopped = state.global_step, state.max_steps

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Listen no longer."""
        signal.signal(signal.SIGTERM, self._before)

    def _ask(self, *_: Any) -> None:
        self._asked = True
        signal.signal(signal.SIGTERM, self._before)

    def _any_asked(self) -> bool:
        return any(gather_object([self._asked])) if PartialState().num_processes > 1 else self._asked
