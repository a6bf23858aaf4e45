"""Text as it may reach a terminal: a model's, and messages of the SDK."""

import re

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tab and newline: an escape sequence in a model's text must not reach the terminal."""


def printable(text: str) -> str:
    """Return a model's text without control characters."""
    return CONTROLS.sub("", text)


def one_line(text: str) -> str:
    """Return a model's text on a single line."""
    return " ".join(printable(text).split())


def with_options(text: str) -> str:
    """Return a message of the SDK by the names of the command: the SDK's setting is an option here."""
    return re.sub(r"\bbase_url\b", "--base-url", text)
