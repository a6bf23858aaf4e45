"""Processes of vLLM, forked out of one that has imported it: to import it takes most of a start.

What is forked gets its task pickled, as what is spawned does, and the environment of the process that asks for it.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkContext, ForkServerContext, ForkServerProcess
from pathlib import Path
from unittest import mock

IMPORTED = "vllm_imported"


class _Process(ForkServerProcess):
    """A process that has the environment of the one that starts it, and forks its own."""

    def start(self) -> None:
        self._environment = dict(os.environ)
        super().start()

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        # The process that forks says nothing of an import that has failed.
        assert IMPORTED in sys.modules
        _patch_vllm()
        super().run()


class _Context(ForkServerContext):
    Process = _Process


@cache
def context() -> ForkServerContext:
    """Return what starts processes: what forks them runs then."""
    context = _Context()
    context.set_forkserver_preload([IMPORTED])
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with mock.patch.dict(os.environ, PYTHONPATH=path):
        forkserver.ensure_running()
    return context


def _patch_vllm() -> None:
    """Fork what vLLM would spawn: the core of its server, and the workers of a core."""
    from vllm.v1.engine import utils
    from vllm.v1.executor import multiproc_executor

    for module in (utils, multiproc_executor):
        module.get_mp_context = _plain_forks


def _plain_forks() -> ForkContext:
    return multiprocessing.get_context("fork")


class Script:
    """A script, or a module with a `-m` before it, in a process of its own: with what tests need of a Popen."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start it; what it writes is appended to a log."""
        self._process = context().Process(target=_become, args=(arguments, log, environment))
        self._process.start()
        self.log = log

    def poll(self) -> int | None:
        """Return what it ended with, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: if it takes longer.
        """
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(str(self.log), timeout)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()


def _become(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(arguments)
        runpy.run_path(arguments[0], run_name="__main__")
