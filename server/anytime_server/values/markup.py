"""A line without what only dresses it: bullets, quotes, headings, tags, emphasis, maths delimiters, the full stop."""

import re
from collections.abc import Callable

MAX_LENGTH = 4000
"""Characters of the longest line that is undressed; finding what closes what takes long in longer ones."""

_LISTED = re.compile(
    r"(?:>\s?|(?:=>?|[\u2192\u21d2\u2234])\s*(?!=)|[-+*\u2022\u2023\u2013]\s+|#{1,6}\s+|1[.)]\s+(?=[\d$\\*+-][^A-Za-z]*$))+"
)
"""Block quotes, arrows, bullets and headings.

A number and a dot begin a list only before another number: in `12. It is` they are the value.
"""

_TAG = re.compile(r"</?(?:answer|final_answer|response|output|result|solution|b|strong|i|em|p|code)>", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]*[^\s*])\1(?![\w*])")
_UNDERLINED = re.compile(r"(?<!\w)(_{1,3})(?=[^\s_])([^_\n]*[^\s_])\1(?!\w)")
_CODE = re.compile(r"(?<!`)(`+)([^`\n]+)\1(?!`)")
_INLINE_MATHS = re.compile(r"\\\((.+?)\\\)|(?<![\\$\d])\$((?:\\.|[^$\\])+)\$(?![\d$])")
_DISPLAY_MATHS = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]")
_STOP = re.compile(r"(?<![.\s])[.,;:\u3002]$|(?<=[^\W\d_]{2})!$")
"""The end of a sentence; not that of an ellipsis, and an exclamation mark after a number or a letter is a factorial."""


def undressed(line: str) -> str:
    """A line without its dress; what the dress was around stays."""
    before = None
    while before != line and len(line) <= MAX_LENGTH:
        before = line
        line = unwrapped(line)
        line = line[match.end() :] if (match := _LISTED.match(line)) else line
    return line


def unwrapped(text: str) -> str:
    """A text without what is around it or words of it, and without the full stop; a bullet may be a sign and stays."""
    before = None
    while before != text and len(text) <= MAX_LENGTH:
        before = text
        text = _TAG.sub(" ", text).strip()
        for pattern, keep in _PAIRS:
            text = pattern.sub(keep, text)
        if text.count("**") % 2:
            text = text.removeprefix("**").removesuffix("**")
        text = _STOP.sub("", text.strip()).strip()
    return text


def _inside(match: re.Match[str]) -> str:
    return str(match[1] or match[2]).strip()


def _second(match: re.Match[str]) -> str:
    return str(match[2]).strip()


_PAIRS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_DISPLAY_MATHS, _inside),
    (_INLINE_MATHS, _inside),
    (_EMPHASIS, _second),
    (_UNDERLINED, _second),
    (_CODE, _second),
)
