"""A guard process that ends vLLM's processes when the server dies without stopping them (say, by SIGKILL).

vLLM's engine core does not notice that its parent is gone. The guard does: the pipe to its standard input closes.
Linux only; it addresses processes by pidfd, so a recycled process id is never hit.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress

GRACE_S = 15


def start_guard(pids: Collection[int]) -> "subprocess.Popen[bytes] | None":
    """Guard `pids` until this process ends or `stop_guard` is called; None where that is not possible."""
    if sys.platform != "linux":
        return None
    # In a session of its own, since what kills the server's process group must not kill the guard.
    command = [sys.executable, "-m", "anytime_server.engines.vllm.guard", *map(str, pids)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def stop_guard(guard: "subprocess.Popen[bytes] | None") -> None:
    """Stop guarding, without harm to the processes."""
    if guard is not None:
        guard.kill()
        guard.communicate()


def _guard(pids: Collection[int]) -> None:
    if sys.platform == "win32":  # where vLLM does not run
        return
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    sys.stdin.read()
    for handle in handles:
        _send(handle, signal.SIGTERM)
    for handle in handles:
        if not select.select([handle], [], [], GRACE_S)[0]:
            _send(handle, signal.SIGKILL)


def _send(handle: int, number: signal.Signals) -> None:
    if sys.platform == "win32":
        return
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


if __name__ == "__main__":
    _guard([int(pid) for pid in sys.argv[1:]])
