"""Processes of vLLM, forked out of one that has imported it: to import it takes most of a start."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

import pytest

from forkservers import ForkedProcess, context

GPU_SHARE = {"gpu_memory_utilization": 0.05, "kv_cache_memory_bytes": 2**30}
"""vLLM's options for a small model that leaves the card to what else runs on it."""


class VLLMProcess(ForkedProcess):
    """A process that forks its own."""

    imported = "vllm_imported"

    def run(self) -> None:
        _patch_vllm()
        super().run()


def fork_cores(patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have vLLM's cores forked, and return the engine options that a small model's tests start them with.

    On a GPU they are spawned as usual, since it can't read the pinned memory of a fork.
    """
    import torch

    if torch.cuda.is_available():
        return GPU_SHARE
    patch.setattr("vllm.v1.engine.utils.get_mp_context", lambda: context(VLLMProcess))
    return {}


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
        self._process = context(VLLMProcess).Process(target=_become, args=(arguments, log, environment))
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
