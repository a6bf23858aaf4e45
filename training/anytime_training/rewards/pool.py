"""A pool of worker processes that verify answers within a hard time limit."""

import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from anytime_server.workers import Outcome, StartError, WorkerPool
from anytime_training.errors import VerifierError
from anytime_training.rewards.verifiers import Loadable, resolve, score

Task = tuple[str, list[str], dict[str, Any]]
"""An answer, the accepted values and the columns that the verifier asks for."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """How verifications went; one that did not end in a reward counts as 0.0."""

    verified: int = 0
    timed_out: int = 0
    crashed: int = 0
    failed: int = 0


class VerifierPool:
    """Verifies batches of answers on `workers` processes, each answer for at most `timeout_s` seconds.

    See `WorkerPool` for the life of the processes. `last_failure` says what came of the last verification that did not
    end in a reward.
    """

    def __init__(self, verifier: str | Loadable, timeout_s: float = 5.0, workers: int = 2) -> None:
        if timeout_s <= 0 or workers < 1:
            raise VerifierError(f"timeout_s {timeout_s} must be above 0 and workers {workers} at least 1")
        self.counts = Counts()
        self.last_failure = ""
        self._timeout_s = timeout_s
        self._verifier = verifier
        self._pool = WorkerPool(partial(_scorer, verifier), timeout_s, workers)

    def run(self, tasks: Sequence[Task]) -> list[float]:
        """Verify the tasks, equal ones once; the rewards are in the order of the tasks.

        Raises:
            VerifierError: if a worker can't start the verifier.
        """
        keys = [pickle.dumps(task) for task in tasks]
        different = dict(zip(keys, tasks, strict=True))
        try:
            outcomes = self._pool.run(list(different.values()))
        except StartError as error:
            raise VerifierError(f"a worker process of the verifier {str(self._verifier)!r} {error}") from error
        rewards = {key: self._reward(outcome) for key, outcome in zip(different, outcomes, strict=True)}
        return [rewards[key] for key in keys]

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()

    def __enter__(self) -> "VerifierPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reward(self, outcome: Outcome) -> float:
        """The reward of an outcome, which is counted."""
        if outcome.state == "done":
            self.counts.verified += 1
            return float(outcome.value)
        self.last_failure = self._failure(outcome)
        if outcome.state == "failed":
            self._tell_first(outcome.error)
            self.counts.failed += 1
        elif outcome.state == "timed_out":
            self.counts.timed_out += 1
        else:
            self.counts.crashed += 1
        return 0.0

    def _failure(self, outcome: Outcome) -> str:
        if outcome.state == "timed_out":
            return f"no result within {self._timeout_s:g} s"
        return outcome.error or "its process ended"

    def _tell_first(self, error: str) -> None:
        if self.counts.failed == 0:
            _logger.warning("verifier %s failed, the reward is 0 (said once): %s", self._verifier, error)


def _scorer(verifier: str | Loadable) -> Callable[..., float]:
    """In a worker: what rewards an answer."""
    return partial(score, resolve(verifier))
