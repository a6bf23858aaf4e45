"""Processes that are killed, stopped and started again on their port, and leave nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chaos_parts.standby import Standby

HOST = "127.0.0.1"
MARK = "ANYTIME_CHAOS_RUN"
"""An environment variable that all processes of a run inherit: what is left of them is found by it."""
STOP_S = 20.0


class Running(Protocol):
    """What a run needs of a Popen."""

    @property
    def pid(self) -> int:
        """Of the process, and of its process group."""

    def poll(self) -> int | None:
        """Return what it ended with; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; raise TimeoutExpired if that takes longer."""

    def terminate(self) -> None:
        """Ask it to end."""


Launch = Callable[[list[str], Path, Mapping[str, str]], Running]
"""Starts a command in a session of its own, with an environment; what it writes is appended to a log."""


def spawn(command: list[str], log: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a command as a shell would, in a session of its own; what it writes is appended to a log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


@dataclass(slots=True, eq=False)
class Process:
    """A command that listens on `port`, in a process group of its own.

    Attributes:
        name: of its log file, too.
        command: its command line.
        port: that it listens on, after a restart too.
        folder: of its log.
        mark: of the run.
        launch: starts it.
        exits: what its earlier lives ended with.
        sessions: the kernel's ids of the sessions of all its lives, which its children belong to.
    """

    name: str
    command: list[str]
    port: int
    folder: Path
    mark: str
    launch: Launch = spawn
    exits: list[int] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    popen: Running | None = None

    def start(self, standby: Standby | None = None) -> None:
        """Start it, out of a process on `standby` if there is one; what it writes is appended to its log."""
        if standby is None:
            self.popen = self.launch(self.command, self.log, environment(self.mark))
        else:
            self.popen = standby.become(self.command[1:], self.log)
        self.sessions.add(self.popen.pid)

    @property
    def log(self) -> Path:
        """Where what it writes goes."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.popen is not None
        return self.popen.pid

    @property
    def runs(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def state(self) -> str:
        """The kernel's letter for what it does: `T` is stopped."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and those that it has started."""
        os.killpg(self.pid, number)

    def kill(self) -> int:
        """Kill it as kill -9 does, and return what it ended with."""
        assert self.popen is not None
        self.signal(signal.SIGKILL)
        code = self.popen.wait(STOP_S)
        self.exits.append(code)
        return code

    def ask_to_go(self) -> None:
        """Ask it to go; that may take it a while."""
        assert self.popen is not None
        self.signal(signal.SIGCONT)
        self.popen.terminate()

    def end(self, within_s: float = STOP_S) -> None:
        """Ask it to go; kill it if it does not."""
        if self.runs:
            self.ask_to_go()
            self.await_end(within_s)

    def await_end(self, within_s: float = STOP_S) -> None:
        """Wait until it has ended, as it was asked to; kill it if it does not."""
        assert self.popen is not None
        try:
            self.exits.append(self.popen.wait(within_s))
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def environment(mark: str) -> dict[str, str]:
    """Return the environment of the processes of a run."""
    return {"OMP_NUM_THREADS": "1", **os.environ, MARK: mark}


def anytime(*arguments: str) -> list[str]:
    """Return a command line of `anytime`, as installed beside this Python."""
    return [str(Path(sys.executable).with_name("anytime")), *arguments]


def redis_command(port: int, folder: Path) -> list[str]:
    """Return the command line of a Redis that forgets nothing when it is killed.

    Raises:
        FileNotFoundError: if there is no redis-server.
    """
    executable = shutil.which("redis-server") or shutil.which("valkey-server")
    if executable is None:
        raise FileNotFoundError("there is no redis-server: install the package of that name")
    durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    return [executable, "--bind", HOST, "--port", str(port), "--dir", str(folder), *durable]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def established(port: int) -> int:
    """Return how many connections a local port has accepted and not closed yet."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(field[1].endswith(wanted) and field[3] == "01" for field in fields)


def descendant(pid: int, title: str) -> int | None:
    """Return a process, below `pid`, whose title has `title` in it; None if there is none."""
    below = [pid]
    for parent in below:
        for listing in Path(f"/proc/{parent}/task").glob("*/children"):
            for child in map(int, listing.read_text().split()):
                below.append(child)
                if title in _title(child):
                    return child
    return None


def survivors(mark: str, sessions: Collection[int], patience_s: float = 3.0) -> list[str]:
    """Return the processes of a run that are still there after a moment: in its sessions, or with its mark.

    A process that sets its title overwrites its environment with it; one that leaves its session keeps the mark.
    """
    deadline = time.monotonic() + patience_s
    while True:
        found = [each for each in map(_Seen.of, _processes()) if each and each.belongs(mark, sessions)]
        if not found or time.monotonic() > deadline:
            return [f"{each.pid} {each.title}" for each in found]
        time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A process as the kernel tells it."""

    pid: int
    title: str
    session: int
    environment: bytes

    @classmethod
    def of(cls, folder: Path) -> "_Seen | None":
        """Look at a process; None if it has gone meanwhile, or has ended and only waits to be noticed."""
        try:
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            environment = (folder / "environ").read_bytes()
            pid = int(folder.name)
            return None if state == "Z" else cls(pid, _title(pid), int(session), environment)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None

    def belongs(self, mark: str, sessions: Collection[int]) -> bool:
        if self.pid == os.getpid():
            return False
        return self.session in sessions or f"{MARK}={mark}".encode() in self.environment.split(b"\0")


def _processes() -> Iterator[Path]:
    return (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
