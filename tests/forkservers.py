"""Processes forked out of one that has imported what they need: what `multiprocessing` calls a fork server, several.

What is forked gets its task pickled, as what is spawned does, and the environment of the process that asks for it.
"""

import os
import sys
import threading
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import ForkServer
from multiprocessing.popen_forkserver import Popen
from pathlib import Path
from typing import ClassVar
from unittest import mock

_launching = threading.RLock()


class ForkedProcess(ForkServerProcess):
    """A process that has the environment of the one that starts it; a subclass says which module it has imported."""

    imported: ClassVar[str]

    def start(self) -> None:
        self._environment = dict(os.environ)
        super().start()

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        # The process that forks says nothing of an import that has failed.
        assert self.imported in sys.modules
        super().run()

    @staticmethod
    def _Popen(process: "ForkedProcess") -> Popen:
        return _Popen(process)


class _Popen(Popen):
    def _launch(self, process: ForkedProcess) -> None:
        connect = _server(process.imported).connect_to_new_process
        with _launching, mock.patch.object(forkserver, "connect_to_new_process", connect):
            super()._launch(process)


@cache
def context(process: type[ForkedProcess]) -> ForkServerContext:
    """Return what starts processes of this kind; what forks them runs from the first on."""
    context = ForkServerContext()
    context.Process = process
    return context


@cache
def _server(imported: str) -> ForkServer:
    server = ForkServer()
    server.set_forkserver_preload([imported])
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with mock.patch.dict(os.environ, PYTHONPATH=path):
        server.ensure_running()
    return server
