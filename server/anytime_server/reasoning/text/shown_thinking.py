"""The thinking as it is shown: whole characters, and nothing of the markers between and behind its parts."""

from collections.abc import Sequence

from anytime_server.controller import BudgetState, ThinkingFormat, Tokenizer
from anytime_server.reasoning.text.detokenizer import Detokenizer
from anytime_server.reasoning.text.half_markers import half_marker

BETWEEN_PARTS = "\n\n"


class ShownThinking:
    """Text of a growing trunk. What may yet be the beginning of a marker is held back until it is known.

    `text` only ever grows, also where an ended thinking goes on.
    """

    def __init__(self, tokenizer: Tokenizer, format: ThinkingFormat) -> None:
        """Start with no thinking."""
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer)
        self._between = format.markers.more_thinking
        self._markers = [*format.markers.closers, *([self._between] if self._between else [])]
        self._held = ""
        self.text = ""

    def feed(self, ids: Sequence[int]) -> str:
        """Take in more of the trunk; return the text that can be shown of it now."""
        held = self._held + self._detokenizer.feed(ids)
        if self._between:
            held = held.replace(self._between, BETWEEN_PARTS)
        size = len(held) - half_marker(held, self._markers)
        self._held = held[size:]
        return self._show(held[:size])

    def end(self, state: BudgetState, closer: int | None) -> str:
        """Return the rest of the text: the thinking has ended as `state` says, by the token `closer` if by itself."""
        size = len(self._held) - len(_characters(self._held, state.overlap))
        shown, self._held = self._held[:size], self._held[size:]
        if closer is not None and state.lead:
            shown += self._tokenizer.vocabulary[closer][: state.lead].decode(errors="ignore")
        return self._show(shown)

    def _show(self, piece: str) -> str:
        self.text += piece
        return piece


def _characters(text: str, size: int) -> str:
    """The end of `text` that is `size` bytes long."""
    raw = text.encode()
    return raw[max(0, len(raw) - size) :].decode(errors="ignore")
