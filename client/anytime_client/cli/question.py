"""The question: an argument, or what comes through a pipe."""

import sys

import typer

STDIN = "-"
HINT = "QUESTION"
NO_TEXT = "not UTF-8 text; convert it, with iconv for example"


def read_question(argument: str | None) -> str:
    """Return the question.

    Args:
        argument: as given; `-` and None read the standard input, None only if it is no terminal.

    Raises:
        typer.BadParameter: if there is none, or it is no text.
    """
    if argument is None and sys.stdin.isatty():
        raise typer.BadParameter('give one, as in: anytime ask "largest of 37+48, 9*8"', param_hint=HINT)
    question = _standard_input() if argument in (None, STDIN) else argument
    assert question is not None
    if not question.strip():
        raise typer.BadParameter("it is empty", param_hint=HINT)
    return checked_text(question, HINT)


def checked_text(text: str, hint: str) -> str:
    """Return an argument of the command line, which may have been any bytes.

    Raises:
        typer.BadParameter: if they were no text.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"it is {NO_TEXT}", param_hint=hint) from None
    return text


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"the standard input is {NO_TEXT}", param_hint=HINT) from None
    except OSError as error:
        raise typer.BadParameter(f"the standard input can't be read: {error.strerror}", param_hint=HINT) from None
