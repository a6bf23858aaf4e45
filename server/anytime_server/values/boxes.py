r"""The last box of a text: `\boxed{2}`, `\boxed 2`, `\fbox{2}`, `\boxed{ {a} }`, braces inside and escaped ones."""

import re

_COMMAND = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"([^\n$]*?)(?:\$|\\\)|\\\])|(\S+)")
r"""What `\boxed 2` holds: all up to the end of the maths that it stands in, else the next word."""


def has_box(text: str) -> bool:
    """Whether a text has a box, closed or not."""
    return _COMMAND.search(text) is not None


def last_boxed(text: str) -> str | None:
    r"""What is in the last box of a text that holds anything.

    None if there is none, or if it is not closed: the text was cut there, and what the box was to hold is not known.
    """
    for command in reversed(list(_COMMAND.finditer(text))):
        content = _content(text, command.end())
        if content is None or content:
            return content
    return None


def _content(text: str, start: int) -> str | None:
    """What the box whose argument starts at `start` holds; None if it is not closed."""
    if text[start : start + 1] != "{":
        bare = _UNBRACED.match(text, start)
        return (bare[1] or bare[2] or "").strip().rstrip(".,;:") if bare else None
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[start + 1 : brace.start()].strip()
    return None
