"""The guard ends what it guards when the server is killed, and leaves it alone when the server stops in order."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from anytime_server.engines.vllm.guard import start_guard, stop_guard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard addresses processes by pidfd")

SERVER = """
import sys
from anytime_server.engines.vllm.guard import start_guard
start_guard([int(pid) for pid in sys.argv[1:]])
print("guarding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def victim() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_server_takes_along_those_of_its_processes_that_are_there(victim: "subprocess.Popen[bytes]") -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SERVER, str(gone.pid), str(victim.pid)], **pipes) as server:
        assert server.stdout.readline() == b"guarding\n"
        assert victim.poll() is None
        server.kill()
    assert victim.wait(10) < 0


def test_a_stopped_guard_harms_nobody(victim: "subprocess.Popen[bytes]") -> None:
    stop_guard(start_guard([victim.pid]))
    with pytest.raises(subprocess.TimeoutExpired):
        victim.wait(0.5)
