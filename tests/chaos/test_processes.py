"""Processes of a run: killed, stopped, started again, and nothing of them is left."""

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from chaos_parts.faults import Injector
from chaos_parts.priority import LOW, give_way, take_share
from chaos_parts.processes import HOST, Process, descendant, environment, established, free_ports, survivors
from chaos_parts.scenario import FaultPlan, FleetPlan
from chaos_parts.standby import Standby
from chaos_parts.transcript import Progress, Transcript

NAMED = "import sys, time; time.sleep(60)"


def process(folder: Path, command: list[str], port: int = 0) -> Process:
    return Process("it", command, port, folder, mark=f"{folder.name}-{time.monotonic_ns()}")


def within(condition) -> bool:
    deadline = time.monotonic() + 90
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_a_killed_process_is_told_by_its_exit_and_has_its_port_again_in_its_next_life(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    it = process(tmp_path, [sys.executable, "-u", "-m", "http.server", str(port), "--bind", HOST], port)
    for _ in range(2):
        it.start()
        assert within(lambda: "Serving HTTP" in it.tail())
        it.log.unlink()
        assert it.runs
        assert it.kill() == -signal.SIGKILL
    assert it.exits == [-signal.SIGKILL, -signal.SIGKILL]


def test_a_stopped_process_is_told_by_its_state_and_goes_when_it_is_asked_to(tmp_path: Path) -> None:
    it = process(tmp_path, ["sleep", "60"])
    it.start()
    it.signal(signal.SIGSTOP)
    assert within(lambda: it.state == "T")
    it.end()
    assert it.exits == [-signal.SIGTERM]


def test_what_a_process_has_started_is_found_and_is_found_again_once_it_is_an_orphan(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], 'TheCore'])"
    it = process(tmp_path, [sys.executable, "-c", script, NAMED])
    it.start()
    assert within(lambda: descendant(it.pid, "TheCore") is not None)
    assert descendant(it.pid, "another") is None
    it.popen.kill()
    it.popen.wait()
    by_mark, by_session = survivors(it.mark, (), patience_s=0), survivors("another", it.sessions, patience_s=0)
    assert by_mark == by_session
    assert [line.rpartition(" ")[0].rpartition(" ")[2] for line in by_mark] == ["TheCore"]
    it.signal(signal.SIGKILL)
    assert survivors(it.mark, it.sessions) == []


def test_connections_that_a_port_has_accepted_are_counted() -> None:
    import socket

    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert established(port) == 0
        with socket.create_connection((HOST, port)) as _, server.accept()[0]:
            assert established(port) == 1


@pytest.mark.parametrize("kind", ["kill_engine", "kill_server", "drain_server", "kill_redis", "stop_server"])
async def test_a_fault_that_comes_too_late_to_hit_anything_has_no_effect(kind: str) -> None:
    injector = Injector(fleet=FleetPlan(), progress=Progress({"a": Transcript("a")}), tell=lambda text: None)
    injector.no_more_sessions()
    (proof,) = await injector.run([FaultPlan(kind, 100)])
    assert not proof.took_effect


class Serving:
    """A fleet of servers whose sessions are counted; one that was asked to go ends when it is told to."""

    def __init__(self) -> None:
        self.servers = [Server("server-0"), Server("server-1"), Server("server-2")]
        self.workers: list[Process] = []
        self.redis = None
        self.restarted: list[str] = []

    async def is_ready(self, server: "Server") -> bool:
        return not server.going

    async def gauge(self, server: "Server", name: str) -> float:
        return 3.0 - self.servers.index(server)

    async def start_again(self, server: "Server") -> None:
        self.restarted.append(server.name)


class Server:
    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = True
        self.going = False
        self.exits: list[int] = []
        self.last_reader_left = threading.Event()

    def ask_to_go(self) -> None:
        self.going = True

    def await_end(self, within_s: float) -> None:
        assert self.last_reader_left.wait(30)
        self.exits.append(0)

    def kill(self) -> int:
        self.going = True
        return -signal.SIGKILL


async def test_a_server_that_drains_for_long_holds_up_no_fault_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, done = Serving(), []

    async def taken_over(injector: Injector, resumed: int, fences: dict[str, int]) -> dict[str, float]:
        return {"resumed": 2, "fenced": 2}

    async def fences(injector: Injector) -> dict[str, int]:
        return {}

    def tell(text: str) -> None:
        done.append(text)
        if "kill_server" in text:
            fleet.servers[0].last_reader_left.set()

    monkeypatch.setattr(Injector, "_taken_over", taken_over)
    monkeypatch.setattr(Injector, "_fences", fences)
    injector = Injector(fleet, Progress({}), tell)
    async with asyncio.timeout(30):
        drained, killed = await injector.run([FaultPlan("drain_server", 0), FaultPlan("kill_server", 0)])
    assert (drained.kind, drained.target, drained.took_effect) == ("drain_server", "server-0", True)
    assert (killed.kind, killed.target, killed.took_effect) == ("kill_server", "server-1", True)
    assert sorted(fleet.restarted) == ["server-0", "server-1"]


def test_a_process_on_standby_becomes_the_command_that_it_is_told(tmp_path: Path) -> None:
    it = process(tmp_path, ["anytime", "--version"])
    standby = Standby(environment(it.mark), tmp_path, ["anytime_client", "json:dumps"])
    standby.ready()
    it.start(standby)
    assert it.popen.wait(30) == 0
    assert it.tail().startswith("anytime")


def test_a_process_that_gives_way_takes_its_share_again(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: other users can't take their niceness back")
    it = process(tmp_path, ["sleep", "60"])
    it.start()
    try:
        give_way(it.pid)
        assert os.getpriority(os.PRIO_PROCESS, it.pid) == LOW
        take_share(it.pid)
        assert os.getpriority(os.PRIO_PROCESS, it.pid) == 0
    finally:
        it.kill()
