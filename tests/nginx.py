"""The images' nginx configuration on this machine's nginx, in front of servers of a test."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = Path(__file__).parents[1] / "docker" / "nginx" / "nginx.conf"
UPSTREAM = "server anytime-replica:8000 "


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rewritten(upstreams: list[str], port: int, folder: Path) -> str:
    """Return the configuration with these servers in place of the containers, and its paths in `folder`."""
    text = CONFIGURATION.read_text()
    line = next(line for line in text.splitlines() if UPSTREAM in line)
    servers = "\n".join(line.replace(UPSTREAM, f"server {upstream} ") for upstream in upstreams)
    text = text.replace(line, servers).replace("listen 8080;", f"listen 127.0.0.1:{port};")
    return text.replace("/tmp/", f"{folder}/").replace("worker_processes auto;", "worker_processes 1;")


@contextmanager
def balanced(upstreams: list[str], folder: Path) -> Iterator[str]:
    """Run nginx in front of `upstreams` (host:port), and give its URL."""
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(rewritten(upstreams, port, folder))
    # The workers of root would be somebody who may not write in `folder`.
    user = f"user {getpass.getuser()}; " if os.geteuid() == 0 else ""
    command = [str(NGINX), "-c", str(file), "-p", str(folder), "-g", f"{user}daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not listens(port):
                time.sleep(0.02)
            assert process.poll() is None, process.stderr.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
