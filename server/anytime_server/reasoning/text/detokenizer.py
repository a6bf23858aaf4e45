"""Text of a growing token sequence, never split inside a character."""

from codecs import getincrementaldecoder
from collections.abc import Sequence

from anytime_server.controller import Tokenizer


class Detokenizer:
    """Decodes the bytes of tokens as they come; bytes that are no whole character yet are held back.

    Bytes that can't be part of a character become U+FFFD.
    """

    def __init__(self, tokenizer: Tokenizer, skipped: int = 0) -> None:
        """Start with no tokens; the first `skipped` bytes are left out."""
        self._vocabulary = tokenizer.vocabulary
        self._skipped = skipped
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, ids: Sequence[int]) -> str:
        """Return the text that `ids` add, up to the last whole character."""
        raw = b"".join(self._vocabulary[token] for token in ids if token < len(self._vocabulary))
        raw, self._skipped = raw[self._skipped :], max(0, self._skipped - len(raw))
        return self._decoder.decode(raw)
