"""How commands end: exit codes, and errors told in one line."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import typer

from anytime_client.cli.plain_text import one_line, with_options

if TYPE_CHECKING:
    from anytime_client import AnytimeError

FAILED = 1
"""No answer: the server can't be reached, refused, or failed."""
WRONG_USE = 2
"""An option or the question is wrong."""
CANCELLED = 130
"""Ctrl-C; as shells count a SIGINT."""


@contextmanager
def errors_in_one_line(command: str) -> Iterator[None]:
    """Turn the SDK's errors and Ctrl-C into a line on the standard error and an exit code."""
    from anytime_client import AnytimeError, ConfigurationError, InvalidRequestError

    try:
        yield
    except AnytimeError as error:
        complain(command, _explanation(error))
        wrong_use = isinstance(error, ConfigurationError | InvalidRequestError)
        raise typer.Exit(WRONG_USE if wrong_use else FAILED) from None
    except KeyboardInterrupt:
        complain(command, "cancelled")
        raise typer.Exit(CANCELLED) from None


@contextmanager
def leaving_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP leave what is begun inside as an error would: sessions are cancelled, the cursor is back.

    A second one doesn't wait for that. One that is ignored, as under `nohup`, stays so.

    Raises:
        SystemExit: at such a signal, with the code that shells have for it.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        sys.exit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _explanation(error: "AnytimeError") -> str:
    from anytime_client import AuthenticationError, ConfigurationError

    named = error.param is None or error.message.startswith(f"{error.param}: ") or isinstance(error, ConfigurationError)
    text = error.message if named else f"{error.param}: {error.message}"
    if isinstance(error, AuthenticationError):
        text += " (--api-key, or better ANYTIME_API_KEY)"
    text = with_options(text)
    best = error.best_answer
    return f"{text}; the best answer by then: {best.value or best.text}" if best else text


def complain(command: str, message: str) -> None:
    """Print one line about what went wrong."""
    typer.echo(f"anytime {command}: {one_line(message)}", err=True)
