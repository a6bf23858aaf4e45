"""The process that forks, as a script: it gets a request and four descriptors for each."""

import atexit
import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from fork_imports import IMPORTS
from forks import LINE_BYTES, locked


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
        with locked(address):
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
    # What is registered first is called last.
    atexit.register(_leave)
    gc.disable()
    IMPORTS[imports]()
    # The collector would go through all of this in each fork, once at least.
    gc.collect()
    gc.freeze()
    gc.enable()
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
    try:
        _run(*wanted["arguments"])
    except SystemExit as ending:
        _leave.code = ending.code
        raise


def _run(first: str, *others: str) -> None:
    if first == "-c":
        sys.argv = [first]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(others[0], vars(sys.modules["__main__"]))
        sys.exit()
    sys.argv = [first, *others]
    if first.endswith(".py"):
        runpy.run_path(first, run_name="__main__")
        sys.exit()
    from anytime_client.cli import main as anytime

    sys.argv.insert(0, "anytime")
    anytime()


class _Leaving:
    """The last step of a fork: it ends without taking down all that was imported, which takes seconds."""

    code: object = 1

    def __call__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.code if isinstance(self.code, int) else int(self.code is not None))


_leave = _Leaving()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
