"""A model's text as it may reach a terminal."""

import re

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tab and newline: an escape sequence in a model's text must not reach the terminal."""


def printable(text: str) -> str:
    """Return a model's text without control characters."""
    return CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """Return a model's text on a single line."""
    return " ".join(printable(text).split())
