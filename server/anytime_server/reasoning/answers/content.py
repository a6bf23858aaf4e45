"""What of a generated answer is its content: not thinking that went on after a cut, and not the family's wrapper."""

from collections.abc import Sequence

from anytime_server.controller import ThinkingMarkers, Tokenizer
from anytime_server.reasoning.answers.channels import Channels
from anytime_server.reasoning.text.detokenizer import Detokenizer
from anytime_server.reasoning.text.half_markers import half_marker

HELD_CHARACTERS = 64
"""Of an answer after a cut that are held back to see whether they were thinking: models close it a few words late."""


class AnswerContent:
    """The content of an answer that arrives piece by piece.

    After a cut some models finish their sentence and close the thinking once more: what stands before such a stray
    close marker is no content. The first words are held back for it; should the marker come still later, `text` begins
    anew, which `restarts` counts. A wrapper around the answer, such as `<response>`, is left out, and so are headers of
    a family that writes channels.
    """

    def __init__(
        self, markers: ThinkingMarkers, *, was_cut: bool, verbatim: bool = False, calls_tools: bool = False
    ) -> None:
        """Start empty; `was_cut`: whether the thinking was closed for the model. A `verbatim` answer is all content."""
        self._tags = [] if verbatim else [tag for tag in markers.wrapper or () if tag]
        self._stray = markers.close if was_cut and not verbatim else None
        self._channels = Channels(calls_tools=calls_tools) if markers.header_end and not verbatim else None
        self._watched = [*self._tags, *([self._stray] if self._stray else [])]
        self._held = ""
        self._open = self._stray is None
        self.text = ""
        self.restarts = 0

    @property
    def length(self) -> int:
        """Characters of the content, with those that are held back."""
        return len(self.text) + len(self._held)

    def feed(self, piece: str) -> None:
        """Take in more of the answer."""
        self._held += piece if self._channels is None else self._channels.feed(piece)
        if self._stray and self._stray in self._held:
            self.text, self._held, self._open = "", self._held.rpartition(self._stray)[2], True
            self.restarts += 1
        for tag in self._tags:
            self._held = self._held.replace(tag, "")
        self._open = self._open or len(self._held.lstrip()) >= HELD_CHARACTERS
        if self._open:
            self._give(len(self._held) - half_marker(self._held, self._watched))

    def finish(self) -> None:
        """Give out what was held back."""
        if self._channels is not None:
            self._held += self._channels.finish()
        self._give(len(self._held))

    def _give(self, size: int) -> None:
        self.text, self._held = self.text + self._held[:size], self._held[size:]


def content_of(ids: Sequence[int], tokenizer: Tokenizer, markers: ThinkingMarkers, *, was_cut: bool) -> str:
    """Return the content of a whole answer, white space at its ends and a half character behind it left out."""
    content = AnswerContent(markers, was_cut=was_cut)
    content.feed(Detokenizer(tokenizer).feed([token for token in ids if token not in tokenizer.eos_ids]))
    content.finish()
    return content.text.strip()
