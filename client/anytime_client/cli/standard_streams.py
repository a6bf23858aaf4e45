"""The command's standard streams, whatever the shell made of them: closed, on a full disk, or left by their reader."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from anytime_client.cli.exits import FAILED


class OutputLost(OSError):
    """The standard output takes nothing more."""


class _Borrowed(io.TextIOWrapper):
    """Text for a file that the interpreter closes."""

    def close(self) -> None:
        """Leave the file open."""


class Output(_Borrowed):
    """The standard output. Its failures are told from those of files and connections."""

    def write(self, text: str) -> int:
        """Write.

        Raises:
            OutputLost: if that is not possible.
        """
        with _losses():
            return super().write(text)

    def flush(self) -> None:
        """Write what is held back.

        Raises:
            OutputLost: if that is not possible.
        """
        with _losses():
            super().flush()


class Remarks(_Borrowed):
    """The standard error. What can't be told there is left out: an answer is worth more than its progress."""

    def write(self, text: str) -> int:
        """Write if that is possible."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back if that is possible."""
        with suppress(OSError):
            super().flush()


@contextmanager
def standard_streams() -> Iterator[None]:
    """Run a command inside. If its output is lost, it ends with a line about that; without one if the reader has left.

    Raises:
        SystemExit: if the output was lost.
    """
    _fill_closed()
    before = sys.stdout, sys.stderr
    # A model may write what the terminal's encoding lacks.
    sys.stdout = output = _over(sys.stdout, Output, errors="replace")
    sys.stderr = _over(sys.stderr, Remarks, errors="backslashreplace")
    try:
        try:
            yield
        finally:
            output.flush()
    except OutputLost as error:
        if error.errno != errno.EPIPE:
            print(f"anytime: can't write to the standard output: {error.strerror}", file=sys.stderr)
        sys.exit(FAILED)
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            _give_up_rest(stream)


def _fill_closed() -> None:
    """Open something in the place of each closed stream, so that no connection gets its number.

    A closed output stays one: writing to it fails.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _over(stream: TextIO, kind: type[_Borrowed], errors: str) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return kind(
        stream.buffer,
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


@contextmanager
def _losses() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputLost(error.errno, error.strerror) from None


def _give_up_rest(stream: TextIO) -> None:
    """Have what can't be written go nowhere: the interpreter would fail on it at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
