"""Processes that work on tasks within a hard time limit.

A worker that runs past the limit is killed with its child processes and replaced, and so is one that dies. Workers are
spawned, not forked, so they are safe beside the threads of torch; a script that uses a pool needs the usual
`if __name__ == "__main__":` guard.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

START_TIMEOUT_S = 120.0
"""How long a worker may take to start and make its function."""

Task = tuple[Any, ...]
"""The arguments of a call."""

_context = multiprocessing.get_context("spawn")


class StartError(RuntimeError):
    """A worker can't start; the text goes on after `a worker process`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: `value` is what the function returned if it is `done`.

    `error` is what it raised if it has `failed`. A `dropped` task was not worked on to its end for want of time.
    """

    state: Literal["done", "failed", "timed_out", "crashed", "dropped"]
    value: Any = None
    error: str = ""


class _Worker:
    """A process, which task it works on (None: it starts or is idle) and until when it may."""

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        self.conn, theirs = _context.Pipe()
        self.process = _context.Process(target=_serve, args=(theirs, make), daemon=True)
        try:
            self.process.start()
        except (OSError, RuntimeError) as error:
            # No memory, too many processes; or a program whose main module has no `if __name__ == "__main__"`.
            self.conn.close()
            raise StartError(f"can't be started: {str(error).strip().splitlines()[0]}") from error
        finally:
            theirs.close()
        self.ready = False
        self.task: int | None = None
        self.deadline: float | None = time.monotonic() + START_TIMEOUT_S

    def give(self, task: int, call: bytes, timeout_s: float) -> None:
        """Send a task to an idle worker; OSError if it is dead."""
        self.conn.send_bytes(call)
        self.task, self.deadline = task, time.monotonic() + timeout_s

    def stop(self) -> None:
        """Kill the process and the processes that its function started."""
        if sys.platform != "win32" and self.process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.process.close()
        self.conn.close()


class WorkerPool:
    """Calls a function on `workers` processes, each call for at most `timeout_s` seconds.

    `make` makes the function in each process, and must be picklable. Workers start with the first batch and stay until
    `close`, the garbage collector or the end of the interpreter; after `close` the next batch starts new ones. `run`
    may be called from any thread, one batch runs at a time.
    """

    def __init__(self, make: Callable[[], Callable[..., Any]], timeout_s: float, workers: int) -> None:
        """Start nothing yet."""
        self._make = make
        self._timeout_s = timeout_s
        self._size = workers
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _stop_all, self._workers)

    def run(self, tasks: Sequence[Task], within_s: float = float("inf")) -> list[Outcome]:
        """Call the function with each of the tasks; what is not done `within_s` seconds is dropped.

        Raises:
            StartError: if a worker can't start.
        """
        batch = _Batch([pickle.dumps(task) for task in tasks], time.monotonic() + within_s)
        with self._lock:
            try:
                while not batch.is_over and (batch.waiting or any(worker.task is not None for worker in self._workers)):
                    self._hand_out(batch)
                    self._collect(batch)
            except BaseException:
                # What is still under way would be taken for the answers to the next batch.
                self.close()
                raise
            for worker in [worker for worker in self._workers if worker.task is not None]:
                self._discard(worker)
        return batch.outcomes

    def close(self) -> None:
        """Stop the workers."""
        _stop_all(self._workers)

    def _hand_out(self, batch: "_Batch") -> None:
        wanted = len(batch.waiting) + sum(worker.task is not None for worker in self._workers)
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(_Worker(self._make))
        for worker in [worker for worker in self._workers if worker.deadline is None][: len(batch.waiting)]:
            task = batch.waiting[0]
            try:
                worker.give(task, batch.calls[task], self._timeout_s)
            except OSError:
                self._discard(worker)  # it died while idle; the next round replaces it
            else:
                batch.waiting.popleft()

    def _collect(self, batch: "_Batch") -> None:
        """Wait until a worker reports or a deadline passes, and settle every such worker."""
        busy = {worker: worker.deadline for worker in self._workers if worker.deadline is not None}
        if not busy:
            return
        until = min(*busy.values(), batch.deadline)
        heard = wait([worker.conn for worker in busy], max(0.0, until - time.monotonic()))
        for worker, deadline in busy.items():
            if worker.conn in heard:
                self._hear(worker, batch)
            elif time.monotonic() >= deadline:
                self._lose(worker, batch, Outcome("timed_out"), f"did not start within {START_TIMEOUT_S:.0f} s")

    def _hear(self, worker: _Worker, batch: "_Batch") -> None:
        try:
            outcome = worker.conn.recv()
        except (EOFError, OSError):
            why = "ended while it started; its traceback is on stderr"
            self._lose(worker, batch, Outcome("crashed"), why)
            return
        if worker.task is not None:
            batch.outcomes[worker.task] = outcome
        worker.ready, worker.task, worker.deadline = True, None, None

    def _lose(self, worker: _Worker, batch: "_Batch", outcome: Outcome, why: str) -> None:
        self._discard(worker)
        if not worker.ready:
            raise StartError(why)
        if worker.task is not None:
            batch.outcomes[worker.task] = outcome

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()


class _Batch:
    """The calls of one `run`, which of them wait, and what came of them so far."""

    def __init__(self, calls: list[bytes], deadline: float) -> None:
        self.calls = calls
        self.deadline = deadline
        self.waiting = deque(range(len(calls)))
        self.outcomes = [Outcome("dropped")] * len(calls)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline


def _stop_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().stop()


def _serve(conn: Connection, make: Callable[[], Callable[..., Any]]) -> None:
    """Work on what comes through the pipe; the first message says that the function is made."""
    belong_to_parent()
    function = make()
    conn.send(Outcome("done"))
    while True:
        try:
            call = conn.recv_bytes()
        except EOFError:
            return
        try:
            conn.send(Outcome("done", function(*pickle.loads(call))))
        except Exception as error:  # a user's function may raise anything; the caller counts it
            conn.send(Outcome("failed", error=f"{type(error).__name__}: {error}"))


def belong_to_parent() -> None:
    """In a spawned process: end when the parent ends, with the processes that were started here, and not before.

    It is a group of its own, so what a terminal sends to the parent's group, such as Ctrl-C, is for the parent alone.
    """
    if sys.platform != "win32":
        os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        if sys.platform == "win32":
            os._exit(1)
        os.killpg(0, signal.SIGKILL)
