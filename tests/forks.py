"""`anytime`, and scripts, forked out of a process that has all imports behind it: a start is their own work alone.

Imports are most of a start. The tests that are about the command itself start it as it is installed; those that need
servers fork them. What an import reads from the environment it has read before.

Run as a script this is the process that forks: it gets a request and four descriptors for each.
"""

import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LINE_BYTES = 2**20


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
        """Connect to that of a folder, whose imports are a name in IMPORTS; the first starts it, and need not wait."""
        address = folder / f"forks-{imports}"
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with _locked(address):
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
def _locked(address: Path) -> Iterator[None]:
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
        command = [sys.executable, __file__, str(listener.fileno()), imports]
        os.posix_spawn(sys.executable, command, os.environ, file_actions=[nothing])


def import_for_servers() -> None:
    """Import what `anytime serve` and `anytime worker` need, which takes seconds."""
    sys.path.append(str(BENCHMARKS))
    from chaos_parts.standby import warm_up

    warm_up()


def import_for_commands() -> None:
    """Import what `anytime ask` needs, and read the certificates."""
    for name in ("anyio._backends._asyncio", "anytime_client.cli.asking", "anytime_client.cli.live_view"):
        importlib.import_module(name)
    from anytime_client import Anytime
    from anytime_client.cli import build

    build()
    Anytime("http://127.0.0.1").close()
    # The collector would go through all of this in each fork, once at least. (What torch brings says that it is leaked
    # where nobody does.)
    gc.collect()
    gc.freeze()


IMPORTS = {"servers": import_for_servers, "commands": import_for_commands}


@dataclass(eq=False)
class Server:
    """Forks for each request that comes over one of its lines, and tells how what it forked has ended.

    A byte in its pipe says that something has.
    """

    listener: socket.socket
    pipe: tuple[int, int]
    lines: list[socket.socket] = field(default_factory=list)
    running: dict[int, tuple[socket.socket, int]] = field(default_factory=dict)

    def run(self) -> None:
        """Serve until the last line is closed."""
        self.lines.append(self.listener.accept()[0])
        while self.lines or not self._ends():
            ready, _, _ = select.select([self.pipe[0], self.listener, *self.lines], [], [])
            if self.pipe[0] in ready:
                os.read(self.pipe[0], 4096)
                self._tell_ends()
            for line in set(self.lines).intersection(ready):
                self._serve(line)
            if self.listener in ready:
                self.lines.append(self.listener.accept()[0])

    def _ends(self) -> bool:
        """Take the address away, unless somebody has come to it."""
        address = Path(self.listener.getsockname())
        with _locked(address):
            if select.select([self.listener], [], [], 0)[0]:
                return False
            address.unlink()
            return True

    def _serve(self, line: socket.socket) -> None:
        wanted, descriptors, _, _ = socket.recv_fds(line, LINE_BYTES, 4)
        if not wanted:
            self._hang_up(line)
            return
        *streams, told = descriptors
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            line.send(str(os.getpid()).encode())
            for own in (self.listener, *self.lines):
                own.close()
            for descriptor in (*self.pipe, told, *(told for _, told in self.running.values())):
                os.close(descriptor)
            become(json.loads(wanted), streams)
        for stream in streams:
            os.close(stream)
        self.running[pid] = line, told

    def _hang_up(self, line: socket.socket) -> None:
        for pid, (asked, _) in self.running.items():
            if asked is line:
                os.kill(pid, signal.SIGKILL)
        self.lines.remove(line)
        line.close()

    def _tell_ends(self) -> None:
        for pid in list(self.running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _, told = self.running.pop(pid)
                with suppress(BrokenPipeError):
                    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(told)


def main(listener: socket.socket, imports: str) -> None:
    """Import everything; then fork for all who come."""
    IMPORTS[imports]()
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    Server(listener, (wake, woken)).run()
    # To take down all that was imported takes seconds.
    os._exit(0)


def become(wanted: Mapping[str, object], streams: Sequence[int]) -> None:
    """Be `anytime`, or a script, with the arguments and the environment that are wanted; this does not return."""
    os.environ.clear()
    os.environ.update(wanted["environment"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Those of this process are made for what its own descriptors were.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    first, *others = wanted["arguments"]
    if first.endswith(".py"):
        sys.argv = [first, *others]
        runpy.run_path(first, run_name="__main__")
        sys.exit()
    from anytime_client.cli import main as anytime

    sys.argv = ["anytime", first, *others]
    sys.exit(anytime())


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
