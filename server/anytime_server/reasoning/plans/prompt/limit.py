"""A prompt that can't fit is refused before it is tokenized: tokenizing megabytes takes a minute and gigabytes."""

from collections.abc import Sequence
from typing import Any, cast

from anytime_server.controller import Tokenizer

SUSPICIOUS_CHARACTERS = 8
"""Characters per token that few texts have: one that needs more to fit is counted piece by piece."""

PIECE = 2**14
"""Characters that are tokenized at a time to be counted."""

TOKENS_PER_CUT = 64
"""Tokens, at the most, that cutting a text in two adds to it."""


class PromptTooLong(Exception):
    """The text has more tokens than it may."""


def limited(tokenizer: Tokenizer, most: int) -> Tokenizer:
    """Return `tokenizer` with an `encode` that raises PromptTooLong for texts that surely have more than `most` tokens.

    It tokenizes little more than `most` tokens, however long the text.
    """
    return cast(Tokenizer, _Limited(tokenizer, most))


class _Limited:
    """See `limited`; what does not encode is the tokenizer's own."""

    def __init__(self, tokenizer: Tokenizer, most: int) -> None:
        self._tokenizer = tokenizer
        self._most = most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`."""
        self._check(text)
        return self._tokenizer.encode(text)

    def encode_whole(self, text: str) -> list[int]:
        """Return the token ids of `text` by itself."""
        self._check(text)
        return self._tokenizer.encode_whole(text)

    def encode_pieces(self, pieces: Sequence[str]) -> list[int]:
        """Return the token ids of the pieces' joined text, of which no token spans two."""
        self._check("".join(pieces))
        return self._tokenizer.encode_pieces(pieces)

    def _check(self, text: str) -> None:
        if len(text) > self._most * self._tokenizer.longest_token:
            raise PromptTooLong(f"its {len(text)} characters can't fit {self._most} tokens: shorten it")
        if len(text) > self._most * SUSPICIOUS_CHARACTERS:
            self._count(text)

    def _count(self, text: str) -> None:
        counted = 0
        for start in range(0, len(text), PIECE):
            counted += len(self._tokenizer.encode(text[start : start + PIECE])) - TOKENS_PER_CUT
            if counted > self._most:
                seen = f"its first {start + PIECE} of {len(text)} characters"
                raise PromptTooLong(f"{seen} have more than {self._most} tokens: shorten it")
