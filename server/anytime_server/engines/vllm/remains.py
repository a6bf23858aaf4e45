"""What vLLM's processes leave behind when they are killed, and how it is cleared away.

Shared memory stays until somebody unlinks it, and Python's resource tracker complains of it at the end of the server.
Unix sockets stay in the folder they were made in, whichever way their process ends; so they get a folder of their own.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil

SOCKETS = "VLLM_RPC_BASE_PATH"
"""vLLM's environment variable for the folder of its sockets."""

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux shows it as files; elsewhere nothing is found here, and nothing cleared away."""


class Remains:
    """The processes of an engine, and what they would leave behind."""

    def __init__(self) -> None:
        """Make the folder for the sockets."""
        self._folder = tempfile.mkdtemp(prefix="vllm-", dir=os.environ.get(SOCKETS))
        self._processes: list[psutil.Process] = []
        self._shared: set[str] = set()

    @contextmanager
    def sockets_here(self) -> Iterator[None]:
        """Have all sockets made in the folder, by this process and by those that it starts meanwhile."""
        before = os.environ.get(SOCKETS)
        os.environ[SOCKETS] = self._folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[SOCKETS]
            else:
                os.environ[SOCKETS] = before

    def note(self, pids: Collection[int]) -> None:
        """Note the processes, with all that they have started, and the memory that these share."""
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                self._processes += [process, *process.children(recursive=True)]
        for process in self._processes:
            self._shared |= set(_shared_memory(process.pid))

    def kill(self) -> None:
        """Kill the processes that are still there; a process id that has been given away since is not hit."""
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def clear(self) -> None:
        """Clear away what ended processes have left."""
        for name in self._shared:
            # To attach registers it with the resource tracker, and to unlink takes it out.
            with suppress(FileNotFoundError):
                block = SharedMemory(name)
                block.close()
                block.unlink()
        shutil.rmtree(self._folder, ignore_errors=True)


def _shared_memory(pid: int) -> Iterator[str]:
    """Names of the blocks of Python's shared memory that the process has mapped."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            path = Path(line.split(maxsplit=5)[-1])
            if path.parent == SHARED_MEMORY and path.name.startswith("psm_"):
                yield path.name
