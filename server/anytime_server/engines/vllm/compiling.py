"""Grammars are compiled for a vocabulary in a process of its own, which can be stopped: some take minutes.

This module is imported in that process, so it imports little.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import xgrammar

from anytime_server.errors import EngineError
from anytime_server.workers import StartError, WorkerPool

COMPILE_TIMEOUT_S = 10.0
"""How long one grammar may take to compile; the engine takes as long again, and holds other structured answers up."""

NICENESS = 10
"""What is compiled here gives way to the server and to the engine."""


class TooLong(Exception):
    """A grammar took more than the time it may take, or all memory."""


class Compiler:
    """Compiles grammars for a vocabulary, one at a time, within a time limit. Safe in any thread."""

    def __init__(self, tokenizer_info: str, timeout_s: float = COMPILE_TIMEOUT_S) -> None:
        """Start nothing yet; `tokenizer_info` is xgrammar's, serialized."""
        self._pool = WorkerPool(partial(_make, tokenizer_info), timeout_s, workers=1)

    def compile(self, grammar: str) -> None:
        """Compile a serialized grammar.

        Raises:
            ValueError: if it does not compile.
            TooLong: if it takes too long; the process is replaced.
            EngineError: if the process does not start.
        """
        try:
            (outcome,) = self._pool.run([(grammar,)])
        except StartError as error:
            raise EngineError(f"the process that compiles structured outputs {error}") from error
        if outcome.state == "failed":
            raise ValueError(outcome.error)
        if outcome.state != "done":
            raise TooLong

    def close(self) -> None:
        """Stop the process."""
        self._pool.close()


def _make(tokenizer_info: str) -> Callable[[str], None]:
    if sys.platform != "win32":
        os.nice(NICENESS)
    compiler = xgrammar.GrammarCompiler(
        xgrammar.TokenizerInfo.deserialize_json(tokenizer_info), max_threads=os.cpu_count() or 1, cache_enabled=False
    )
    return partial(_compile, compiler)


def _compile(compiler: Any, grammar: str) -> None:
    compiler.compile_grammar(xgrammar.Grammar.deserialize_json(grammar))
