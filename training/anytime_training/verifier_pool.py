"""A pool of worker processes that verify answers within a hard time limit.

A worker that runs past the limit is killed with its child processes and replaced, and so is one that dies. Workers are
spawned, not forked, so they are safe beside the threads of torch; a script that uses a pool needs the usual
`if __name__ == "__main__":` guard.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from anytime_training.errors import VerifierError
from anytime_training.verifiers import resolve, score

START_TIMEOUT_S = 120.0
"""How long a worker may take to start and import its verifier."""

Task = tuple[str, list[str], dict[str, Any]]
"""An answer, the accepted values and the columns that the verifier asks for."""

_logger = logging.getLogger(__name__)
_context = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Counts:
    """How verifications went; one that did not end in a reward counts as 0.0."""

    verified: int = 0
    timed_out: int = 0
    crashed: int = 0
    failed: int = 0


class _Worker:
    """A process, what it works on (None: it starts or is idle) and until when it may."""

    def __init__(self, verifier: str) -> None:
        self.conn, theirs = _context.Pipe()
        self.process = _context.Process(target=_serve, args=(theirs, verifier), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.task: bytes | None = None
        self.deadline: float | None = time.monotonic() + START_TIMEOUT_S

    def give(self, task: bytes, timeout_s: float) -> None:
        """Send a task to an idle worker; OSError if it is dead."""
        self.conn.send_bytes(task)
        self.task, self.deadline = task, time.monotonic() + timeout_s

    def stop(self) -> None:
        """Kill the process and the processes that the verifier started."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.process.close()
        self.conn.close()


class VerifierPool:
    """Verifies batches of answers on `workers` processes, each answer for at most `timeout_s` seconds.

    Workers start with the first batch and stay until `close`, the garbage collector or the end of the interpreter;
    after `close` the next batch starts new ones. `run` may be called from any thread, one batch runs at a time.
    """

    def __init__(self, verifier: str, timeout_s: float = 5.0, workers: int = 2) -> None:
        if timeout_s <= 0 or workers < 1:
            raise VerifierError(f"timeout_s {timeout_s} must be above 0 and workers {workers} at least 1")
        self.counts = Counts()
        self._verifier = verifier
        self._timeout_s = timeout_s
        self._size = workers
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _stop_all, self._workers)

    def run(self, tasks: Sequence[Task]) -> list[float]:
        """Verify the tasks, equal ones once; the rewards are in the order of the tasks.

        Raises:
            VerifierError: if a worker can't start the verifier.
        """
        keys = [pickle.dumps(task) for task in tasks]
        waiting = deque(dict.fromkeys(keys))
        rewards = dict.fromkeys(keys, 0.0)
        with self._lock:
            try:
                while waiting or any(worker.task for worker in self._workers):
                    self._hand_out(waiting)
                    self._collect(rewards)
            except BaseException:
                # What is still under way would be taken for the answers to the next batch.
                self.close()
                raise
        return [rewards[key] for key in keys]

    def close(self) -> None:
        """Stop the workers."""
        _stop_all(self._workers)

    def __enter__(self) -> "VerifierPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self, waiting: deque[bytes]) -> None:
        wanted = len(waiting) + sum(worker.task is not None for worker in self._workers)
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(_Worker(self._verifier))
        for worker in [worker for worker in self._workers if worker.deadline is None][: len(waiting)]:
            try:
                worker.give(waiting[0], self._timeout_s)
            except OSError:
                self._discard(worker)  # it died while idle; the next round replaces it
            else:
                waiting.popleft()

    def _collect(self, rewards: dict[bytes, float]) -> None:
        """Wait until a worker reports or a deadline passes, and settle every such worker."""
        busy = {worker: worker.deadline for worker in self._workers if worker.deadline is not None}
        if not busy:
            return
        heard = wait([worker.conn for worker in busy], max(0.0, min(busy.values()) - time.monotonic()))
        for worker, deadline in busy.items():
            if worker.conn in heard:
                self._hear(worker, rewards)
            elif time.monotonic() >= deadline:
                self.counts.timed_out += worker.ready
                self._lose(worker, f"did not start within {START_TIMEOUT_S:.0f} s")

    def _hear(self, worker: _Worker, rewards: dict[bytes, float]) -> None:
        try:
            reward, failure = worker.conn.recv()
        except (EOFError, OSError):
            self.counts.crashed += worker.ready
            self._lose(worker, "ended while it started; its traceback is on stderr")
            return
        if worker.task is not None:
            rewards[worker.task] = reward
            self._count(failure)
        worker.ready, worker.task, worker.deadline = True, None, None

    def _count(self, failure: str | None) -> None:
        if failure is None:
            self.counts.verified += 1
            return
        self.counts.failed += 1
        if self.counts.failed == 1:
            _logger.warning("verifier %s failed, the reward is 0 (said once): %s", self._verifier, failure)

    def _lose(self, worker: _Worker, why: str) -> None:
        self._discard(worker)
        if not worker.ready:
            raise VerifierError(f"a worker process of the verifier {self._verifier!r} {why}")

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()


def _stop_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().stop()


def _serve(conn: Connection, name: str) -> None:
    """Verify what comes through the pipe; the first message says that the verifier is imported."""
    # A group of its own, so that Ctrl-C leaves it to the parent and the verifier's children are killed with it.
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    verifier = resolve(name)
    conn.send((0.0, None))
    while True:
        try:
            task = conn.recv_bytes()
        except EOFError:
            return
        try:
            conn.send((score(verifier, *pickle.loads(task)), None))
        except Exception as error:  # a user's function may raise anything; the parent counts it
            conn.send((0.0, f"{type(error).__name__}: {error}"))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)
