"""Processes of a run: killed, stopped, started again, and nothing of them is left."""

import signal
import sys
import time
from pathlib import Path

import pytest

from chaos_parts.faults import Injector
from chaos_parts.processes import HOST, Process, descendant, established, free_ports, survivors
from chaos_parts.scenario import FaultPlan, FleetPlan
from chaos_parts.transcript import Progress, Transcript

NAMED = "import sys, time; time.sleep(60)"


def process(folder: Path, command: list[str], port: int = 0) -> Process:
    return Process("it", command, port, folder, mark=f"{folder.name}-{time.monotonic_ns()}")


def within(condition) -> bool:
    deadline = time.monotonic() + 30
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
