"""`anytime serve` in a process of its own, forked."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from forks import Forked, Forks
from live import NO_TLS


@contextmanager
def forked(forks: Forks, *arguments: str, **environment: str) -> Iterator[tuple[Forked, httpx.Client]]:
    """Start the server on a free port, without the imports of a start; give its process and a client for it."""
    port = free_port()
    process = forks.piped(["serve", "--port", str(port), *arguments], {**os.environ, **environment})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=NO_TLS) as client:
            yield process, client
    finally:
        process.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen | Forked, client: httpx.Client) -> None:
    """Wait until the server answers that it is ready; fail the test if it never does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server is not ready:\n{process.stdout.read() if process.poll() is not None else ''}")
