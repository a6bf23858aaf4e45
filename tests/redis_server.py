"""A redis-server of the tests' own, to be killed, stopped and started again."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """Keeps what it has in `folder`, and listens on a socket there (or on `port`); the append-only file is on."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.url = f"redis://127.0.0.1:{port}" if port else f"unix://{folder}/redis.sock"
        listen = [
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            *(() if port else ("--unixsocket", f"{folder}/redis.sock")),
        ]
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        self._command = [str(PROGRAM), *listen, *durable, "--dir", str(folder), *options]
        self._address = ("127.0.0.1", port) if port else f"{folder}/redis.sock"
        self._family = socket.AF_INET if port else socket.AF_UNIX
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.01)
        pytest.fail("redis-server does not start")

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket(self._family) as probe:
            probe.settimeout(1)
            try:
                probe.connect(self._address)
                probe.sendall(b"PING\r\n")
                return not probe.recv(64).startswith(b"-LOADING")
            except OSError:
                return False


def free_port() -> int:
    """One for which 10000 more is a port, too: a cluster takes that for itself."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            if (port := probe.getsockname()[1]) < 55_000:
                return port


needs_redis = pytest.mark.skipif(PROGRAM is None, reason="there is no redis-server (tests/install_servers.sh)")
