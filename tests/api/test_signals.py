"""The server's own process: signals, and a want of file descriptors."""

import resource
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from processes import free_port, wait_until_ready

SERVER = Path(__file__).parents[1] / "fake_server.py"
ENDLESS = {"prompt": "x", "budget": 500_000, "checkpoints": [], "background": True}


@contextmanager
def serving(start):
    """Start the server around a fake engine with the arguments of its script; give its process and a client."""
    port = free_port()
    process = start([str(SERVER), str(port)])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until_ready(process, client)
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until_draining(client):
    deadline = time.monotonic() + 60
    while client.get("/readyz").status_code != 503:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_at_once_and_in_one_line(second, forks):
    with serving(forks.piped) as (process, client):
        assert client.post("/reason", json=ENDLESS).status_code == 202
        with client.stream("POST", "/reason", json={**ENDLESS, "background": False, "stream": True}) as response:
            # Kept, since a generator that is collected closes its response.
            lines = response.iter_lines()
            assert next(lines)
            process.send_signal(signal.SIGTERM)
            wait_until_draining(client)
            process.send_signal(second)
            written = process.communicate(timeout=30)[0].splitlines()
    assert process.returncode == 128 + second
    assert "Traceback" not in "\n".join(written)
    assert [line for line in written if "second signal" in line and "sessions=2" in line] == written[-1:]


def test_stopping_an_idle_server_ends_by_the_signal_and_says_so_without_a_traceback(forks):
    with serving(forks.piped) as (process, _):
        process.send_signal(signal.SIGTERM)
        written = process.communicate(timeout=30)[0]
    assert process.returncode == -signal.SIGTERM
    assert "Traceback" not in written
    assert "draining sessions=0" in written


LIMIT = 64


def test_a_want_of_file_descriptors_is_one_line_and_passes(forks):
    def limited(arguments):
        process = forks.piped(arguments)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        return process

    with serving(limited) as (process, client):
        address = ("127.0.0.1", client.base_url.port)
        with ExitStack() as stack:
            for _ in range(2 * LIMIT):
                stack.enter_context(socket.create_connection(address))
            lines = []
            while not lines or "no file descriptor is left" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1]
        assert client.get("/healthz").json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[0]
    assert "no file descriptor is left" not in rest
    assert "Traceback" not in rest
