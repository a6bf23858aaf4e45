"""What a run needs later, worked out by other processes while it is busy."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Generic, TypeVar

from anytime_server.workers import belong_to_parent

T = TypeVar("T")

_function: Callable[[int], Any] | None = None
"""In a worker: what it calls."""


class Ahead(Generic[T]):
    """Calls `function` with the numbers from 0 to `end - 1`, and with those to come ahead of time.

    It starts wherever it is first asked, and as many numbers are under way as there are `workers`. These are spawned,
    not forked, so they are safe beside the threads of torch and a GPU; a script needs the usual
    `if __name__ == "__main__":` guard. `function` must be picklable.
    """

    def __init__(self, function: Callable[[int], T], end: int, workers: int) -> None:
        """Start nothing yet."""
        self._end = end
        self._workers = workers
        self._results: dict[int, Future[T]] = {}
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(function,))

    def get(self, number: int) -> T:
        """What the function returns for `number`, waited for if need be; what it raises is raised here."""
        wanted = [number, *range(number + 1, min(number + 1 + self._workers, self._end))]
        for passed in self._results.keys() - set(wanted):
            self._results.pop(passed).cancel()
        for missing in wanted:
            if missing not in self._results:
                self._results[missing] = self._pool.submit(_call, missing)
        return self._results[number].result()

    def close(self) -> None:
        """Drop what nobody waits for any more, and end the workers."""
        self._pool.shutdown(cancel_futures=True)


def _start(function: Callable[[int], Any]) -> None:
    global _function
    belong_to_parent()
    _function = function


def _call(number: int) -> Any:
    assert _function is not None
    return _function(number)
