"""Servers as processes of their own: their commands, and how they are watched and ended."""

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.measure import BenchmarkError
from serving_parts.subject import HOST

TIMEOUT_S = 300.0
POLL_S = 0.02
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens, or will soon, on `port` of this machine."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: IO[bytes]

    def connect(self, request: Callable[[http.client.HTTPConnection], None]) -> http.client.HTTPResponse:
        """Make a request as soon as the server listens, and return its response.

        Raises:
            BenchmarkError: if the server ends, or does not listen within `TIMEOUT_S`; with the end of its log.
        """
        deadline = time.perf_counter() + TIMEOUT_S
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.name} ended with {self.process.returncode}: {self._tail()}")
            connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
            try:
                request(connection)
            except ConnectionRefusedError:
                time.sleep(POLL_S)
                continue
            return connection.getresponse()
        raise BenchmarkError(f"{self.name} did not listen within {TIMEOUT_S:.0f} s: {self._tail()}")

    def _tail(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]


@contextlib.contextmanager
def spawned(name: str, command: Callable[[int], list[str]]) -> Iterator[Server]:
    """Start what `command` names for a free port, and end it afterwards."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command(port), stdout=log, stderr=subprocess.STDOUT)
        try:
            yield Server(name, port, process, log)
        finally:
            _stop(process)


def anytime_command(
    engine: str, model: str, port: int, options: Mapping[str, Any], command: str = "serve"
) -> list[str]:
    """Return the command line of `anytime serve`, or of `anytime worker`; `options` are the engine's."""
    executable = shutil.which("anytime", path=str(Path(sys.executable).parent))
    if executable is None:
        raise BenchmarkError("there is no `anytime` command beside this Python: install the package into it")
    arguments = [
        argument for key, value in options.items() for argument in ("--engine-arg", f"{key}={json.dumps(value)}")
    ]
    return [executable, command, "--model", model, "--engine", engine, "--host", HOST, "--port", str(port), *arguments]


def vllm_command(model: str, port: int, options: Mapping[str, Any]) -> list[str]:
    """Return the command line of vLLM's own server, without the logs and statistics that Anytime's engine lacks too."""
    quiet = ["--disable-log-stats", "--disable-uvicorn-access-log"]
    where = ["--model", model, "--host", HOST, "--port", str(port)]
    arguments = [argument for key, value in options.items() for argument in vllm_flag(key, value)]
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *where, *quiet, *arguments]


def vllm_flag(key: str, value: Any) -> list[str]:
    """Return one of vLLM's AsyncEngineArgs as an option of its command line."""
    name = key.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", value if isinstance(value, str) else json.dumps(value)]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
