"""Servers of a model in processes of their own: `anytime worker`, and vLLM's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from forks import Forked, Forks
from processes import free_port

START_S = 240


@dataclass(frozen=True)
class Spawned:
    process: subprocess.Popen | Forked
    url: str

    def wait(self) -> None:
        """Wait until it is ready; fail the test if it never is."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.process.kill()
        pytest.fail(f"the server is not ready:\n{self.process.stdout.read()}")


@contextmanager
def spawned(*command: str, **environment: str) -> Iterator[Spawned]:
    """Start a server on a free port, which is given to `command` at its end."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, *command, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    ) as process:
        try:
            yield Spawned(process, f"http://127.0.0.1:{port}")
        finally:
            process.kill()


@contextmanager
def worker_process(forks: Forks, **environment: str) -> Iterator[Spawned]:
    """Start `anytime worker` on the embedded model."""
    port = free_port()
    process = forks.piped(["worker", "--port", str(port)], {**os.environ, **environment})
    try:
        yield Spawned(process, f"http://127.0.0.1:{port}")
    finally:
        process.close()
