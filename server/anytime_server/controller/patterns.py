"""Regular expressions over thinking that is still being written.

RE2 (https://github.com/google/re2) searches in time that is linear in the text, so no pattern and no text can stall a
server as a backtracking engine can be stalled.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from anytime_server.controller.errors import PatternError

LONGEST_PATTERN = 256
"""Characters of a pattern."""
MOST_MEMORY = 1 << 20
"""Bytes that RE2 may use for a pattern; a larger one is refused."""
REACH = 1024
"""The last bytes of the text in which a match must lie."""
KEPT_PATTERNS = 32
"""Patterns that are kept as they are compiled, for requests that ask the same."""

_WHAT_MAY_FOLLOW = (b"a", b" ", b"\n")
"""A letter, a space, the end of a line: of what `\\b`, `\\B` and `$` can tell apart, one of each."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be looked for; `search` begins to, in a text of its own."""

    text: str
    expression: Any = field(repr=False, compare=False)

    def search(self) -> "PatternSearch":
        """Return a search that has seen nothing yet."""
        return PatternSearch(self.expression)


@lru_cache(KEPT_PATTERNS)
def compile_pattern(text: str) -> Pattern:
    """Read the pattern `text`, in RE2's syntax.

    Raises:
        PatternError: if it is malformed, too large, not supported, or matches where nothing is written.
    """
    import re2  # a request that names no pattern doesn't wait for it

    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(text)} characters, which is more than {LONGEST_PATTERN}")
    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, MOST_MEMORY
    try:
        expression = re2.compile(text, options)
    except re2.error as error:
        raise PatternError(_reason(error)) from error
    if expression.search(b"") is not None:
        raise PatternError("it matches where nothing is written")
    return Pattern(text, expression)


class PatternSearch:
    """Looks for a pattern in a text that comes piece by piece.

    It is found as soon as the text that is there decides it: a word boundary behind a letter only with the next one.
    """

    __slots__ = ("_expression", "_text", "found")

    def __init__(self, expression: Any) -> None:
        """Start with no text."""
        self.found = False
        self._expression = expression
        self._text = b""

    def feed(self, piece: str) -> bool:
        """Go on by `piece`; return whether the pattern has been found by now."""
        if not self.found:
            added = piece.encode()
            # One byte more than the reach: the beginning of what is left is not the beginning of the text.
            self._text = (self._text + added)[-max(REACH, len(added)) - 1 :]
            self.found = self._matches(b"") and all(map(self._matches, _WHAT_MAY_FOLLOW))
        return self.found

    def _matches(self, following: bytes) -> bool:
        """Whether there is a match in the text as it is, with `following` behind it."""
        end = len(self._text)
        return self._expression.search(self._text + following, max(0, end - REACH), end) is not None


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else str(error)
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
