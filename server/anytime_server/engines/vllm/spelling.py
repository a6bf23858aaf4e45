"""What a vocabulary can spell: most know every byte, but some know letters only, and have no token for others."""

from collections.abc import Sequence
from functools import cached_property

EVERY_BYTE = frozenset({*range(0xC0), *range(0xC2, 0xF5)})
"""The bytes of UTF-8."""


class Spelling:
    """The texts that the tokens of a vocabulary can be put together to."""

    def __init__(self, vocabulary: Sequence[bytes], control: Sequence[bytes] = ()) -> None:
        """Take the tokens' bytes; `control` are tokens that are no text."""
        self._tokens = frozenset(vocabulary) - frozenset(control) - {b""}
        self._longest = max(map(len, self._tokens), default=0)
        self._has_bytes = {token[0] for token in self._tokens if len(token) == 1} >= EVERY_BYTE

    @cached_property
    def alphabet(self) -> frozenset[str] | None:
        """The characters that are in some token; None if tokens hold parts of characters, which may make any."""
        if self._has_bytes or any(token[0] >= 0x80 and len(token) == 1 for token in self._tokens):
            return None
        return frozenset("".join(token.decode(errors="ignore") for token in self._tokens))

    def spells(self, text: str) -> bool:
        """Return whether any tokens that begin `text` can be gone on with to its end."""
        if self._has_bytes:
            return True
        raw = text.encode()
        reached, todo = {0}, [0]
        while todo:
            at = todo.pop()
            steps = self._steps(raw, at)
            if not steps and at < len(raw):
                return False
            todo.extend(step for step in steps if step not in reached)
            reached.update(steps)
        return True

    def _steps(self, raw: bytes, at: int) -> list[int]:
        """Where the tokens that `raw` goes on with at a place end."""
        ends = range(at + 1, min(len(raw), at + self._longest) + 1)
        return [end for end in ends if raw[at:end] in self._tokens]
