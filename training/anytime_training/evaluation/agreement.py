"""Which answers of an evaluation say the same, as a server finds it: with math-verify's help where it is installed."""

import logging
from collections.abc import Iterable, Iterator
from itertools import pairwise

from anytime_server.values import Same, mathematics, may_be_equal, same_value, short_value
from anytime_server.workers import StartError, WorkerPool
from anytime_training.evaluation.source import Rollout

WORKERS = 2

logger = logging.getLogger(__name__)


def agreement(rollouts: Iterable[Rollout]) -> Same:
    """Return what tells which values of a rollout are the same.

    What math-verify can't tell within a server's time for a comparison counts as different, as it does there. If its
    processes can't be started, a warning says so, and values are compared without it: the rollouts have been paid for.
    """
    wanted = sorted({pair for rollout in rollouts for pair in _open_pairs(rollout)})
    if not wanted or not mathematics.is_installed():
        return same_value
    pool = WorkerPool(mathematics.comparer, mathematics.COMPARISON_S, WORKERS)
    try:
        outcomes = pool.run(wanted)
    except StartError as error:
        logger.warning("answers are compared without math-verify: a worker process %s", error)
        return same_value
    finally:
        pool.close()
    equal = {pair for pair, outcome in zip(wanted, outcomes, strict=True) if outcome.state == "done" and outcome.value}

    def same(first: str | None, second: str | None) -> bool:
        return same_value(first, second) or (
            first is not None and second is not None and (min(first, second), max(first, second)) in equal
        )

    return same


def _open_pairs(rollout: Rollout) -> Iterator[tuple[str, str]]:
    """Yield what a course compares (each answer with the next and the last), as far as it is left to math-verify."""
    values = [short_value(reply.text) for reply in rollout.replies]
    for first, second in {*pairwise(values), *((value, values[-1]) for value in values)}:
        if first is not None and second is not None and may_be_equal(first, second):
            yield min(first, second), max(first, second)
