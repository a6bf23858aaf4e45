"""The question: an argument, or what comes through a pipe."""

import sys

import typer

STDIN = "-"
HINT = "QUESTION"


def read_question(argument: str | None) -> str:
    """Return the question.

    Args:
        argument: as given; `-` and None read the standard input, None only if it is no terminal.

    Raises:
        typer.BadParameter: if there is none.
    """
    if argument is None and sys.stdin.isatty():
        raise typer.BadParameter('give one, as in: anytime ask "largest of 37+48, 9*8"', param_hint=HINT)
    question = _standard_input() if argument in (None, STDIN) else argument
    assert question is not None
    if not question.strip():
        raise typer.BadParameter("it is empty", param_hint=HINT)
    return question


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise typer.BadParameter("the standard input is not UTF-8 text", param_hint=HINT) from None
