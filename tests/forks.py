"""`anytime`, and scripts, forked out of a process that has all imports behind it: a start is their own work alone.

Imports are most of a start. The tests that are about the command itself start it as it is installed; those that need
servers fork them. What an import reads from the environment it has read before.
"""

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LINE_BYTES = 2**20
SCRIPT = Path(__file__).with_name("forking.py")


@dataclass(eq=False)
class Forked:
    """A process, with what tests need of a Popen; how it ended comes through `_status`."""

    pid: int
    _status: IO[str]
    stdout: IO[str] | None = None
    returncode: int | None = field(default=None, init=False)

    def poll(self) -> int | None:
        """Return what it ended with, negative for a signal; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: if it takes longer.
        """
        if (code := self._ended(timeout)) is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            ends = select.poll()
            ends.register(self._status, select.POLLIN)
            if ends.poll(None if timeout is None else timeout * 1000):
                self.returncode = int(self._status.read())
                self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Read all that it writes until it has ended; return what came.

        Raises:
            subprocess.TimeoutExpired: if it takes longer; it is killed then.
        """
        assert self.stdout is not None
        late = threading.Event()
        timer = threading.Timer(threading.TIMEOUT_MAX if timeout is None else timeout, self._kill_late, [late])
        timer.start()
        try:
            written = self.stdout.read()
            self.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise subprocess.TimeoutExpired("a fork", timeout or 0, written)
        return written, None

    def _kill_late(self, late: threading.Event) -> None:
        late.set()
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it if it runs, and let go of its pipes."""
        self.kill()
        self.wait()
        if self.stdout is not None:
            self.stdout.close()


class Forks:
    """The process that forks, as seen by those who want one; the processes of `pytest -n` share it."""

    def __init__(self, folder: Path, imports: str = "servers") -> None:
        """Connect to that of a folder, whose imports are a name in IMPORTS; the first starts it, and need not wait.

        What has the imports of the suite has those of servers, too.
        """
        address, suite = folder / f"forks-{imports}", folder / "forks-suite"
        if imports == "servers" and suite.exists():
            address = suite
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with locked(address):
            try:
                self._line.connect(str(address))
            except FileNotFoundError:
                _start(address, imports)
                self._line.connect(str(address))

    def launch(self, command: list[str], log: Path, environment: Mapping[str, str]) -> Forked:
        """Run a command of `anytime` in a session of its own; what it writes is appended to a log."""
        with log.open("ab") as output:
            return self.fork(command[1:], output.fileno(), output.fileno(), environment)

    def piped(self, arguments: list[str], environment: Mapping[str, str] = os.environ) -> Forked:
        """Run `anytime`, or the script of Python that the first argument is; what it writes is one pipe."""
        out, into = os.pipe()
        try:
            forked = self.fork(arguments, into, into, environment)
        finally:
            os.close(into)
        forked.stdout = os.fdopen(out)
        return forked

    def fork(
        self,
        arguments: Sequence[str],
        output: int,
        errors: int,
        environment: Mapping[str, str] = os.environ,
        *,
        source: int | None = None,
    ) -> Forked:
        """Run `anytime`, or the script that the first argument is, between these descriptors.

        Without a `source` its input is empty. Where that is a terminal, Ctrl-C in it reaches what is forked.
        """
        line = json.dumps({"arguments": arguments, "environment": dict(environment)}).encode()
        status, told = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            socket.send_fds(self._line, [line], [nothing if source is None else source, output, errors, told])
        finally:
            os.close(told)
            os.close(nothing)
        pid = int(self._line.recv(LINE_BYTES))
        return Forked(pid, os.fdopen(status))

    def close(self) -> None:
        """End all that it has forked for this one, and the process itself if nobody else wants it."""
        self._line.shutdown(socket.SHUT_WR)
        self._line.recv(LINE_BYTES)
        self._line.close()


@contextmanager
def locked(address: Path) -> Iterator[None]:
    """Keep others from starting or ending what forks at this address."""
    with address.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(address: Path, imports: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen()
        listener.set_inheritable(True)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        command = [sys.executable, str(SCRIPT), str(listener.fileno()), imports]
        os.posix_spawn(sys.executable, command, os.environ, file_actions=[nothing])
