"""Servers of a model in processes of their own: `anytime worker`, and vLLM's."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from forks import Forked, Forks
from live import NO_TLS
from processes import free_port
from vllm_forks import Script

START_S = 240


@dataclass(frozen=True)
class Spawned:
    process: Forked | Script
    url: str
    written: Callable[[], str]

    def wait(self) -> None:
        """Wait until it is ready; fail the test if it never is."""
        deadline = time.monotonic() + START_S
        with httpx.Client(timeout=10, verify=NO_TLS) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    if client.get(f"{self.url}/health").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.1)
        self.process.kill()
        pytest.fail(f"the server is not ready:\n{self.written()}")


@contextmanager
def vllm_process(folder: Path, *arguments: str, **environment: str) -> Iterator[Spawned]:
    """Start vLLM's own server."""
    port, log = free_port(), folder / "log"
    command = ("-m", "vllm.entrypoints.openai.api_server", *arguments, "--port", str(port))
    process = Script(command, log, {**os.environ, **environment})
    try:
        yield Spawned(process, f"http://127.0.0.1:{port}", log.read_text)
    finally:
        process.kill()
        process.wait(timeout=10)


@contextmanager
def worker_process(forks: Forks, **environment: str) -> Iterator[Spawned]:
    """Start `anytime worker` on the embedded model."""
    port = free_port()
    process = forks.piped(["worker", "--port", str(port)], {**os.environ, **environment})
    try:
        yield Spawned(process, f"http://127.0.0.1:{port}", process.stdout.read)
    finally:
        process.close()
