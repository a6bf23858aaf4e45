"""A model's thinking format, resolved to token ids with the model's own tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anytime_server.controller.errors import FormatError
from anytime_server.controller.markers import ThinkingMarkers
from anytime_server.controller.template import markers_of
from anytime_server.controller.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class ThinkingFormat:
    """Token ids of a model's thinking markers, of the closing that ends truncated thinking, and of the answer cue.

    `closing_ids` always end with `close_ids`. Markers are matched by token ids, so a marker that is not a special
    token is found only in the spelling that its own encoding gives.
    """

    markers: ThinkingMarkers
    open_ids: tuple[int, ...]
    close_ids: tuple[int, ...]
    closing_ids: tuple[int, ...]
    cue_ids: tuple[int, ...]
    eos_ids: tuple[int, ...]

    @classmethod
    def resolve(cls, tokenizer: Tokenizer, name: str = "auto") -> "ThinkingFormat":
        """Resolve the preset `name`, markers given as JSON, or what is detected from the tokenizer if it is `auto`.

        Raises:
            FormatError: if the name is unknown, nothing is detected, or a marker has no tokens.
        """
        return cls.from_markers(tokenizer, markers_of(tokenizer, name))

    @classmethod
    def from_markers(cls, tokenizer: Tokenizer, markers: ThinkingMarkers) -> "ThinkingFormat":
        """Encode `markers`; a closing text that does not end with the close marker gets it appended."""
        open_ids, close_ids = tuple(tokenizer.encode(markers.open)), tuple(tokenizer.encode(markers.close))
        for name, text, ids in (("open", markers.open, open_ids), ("close", markers.close, close_ids)):
            if not ids or tokenizer.decode(ids) != text:
                raise FormatError(f"the tokenizer can't spell the {name} marker {text!r}; is it the right format?")
        if open_ids == close_ids:
            raise FormatError(f"the open and close markers are the same token ({markers.open!r})")
        return cls(
            markers=markers,
            open_ids=open_ids,
            close_ids=close_ids,
            closing_ids=_closing_ids(tokenizer, markers.closing, markers.close, close_ids),
            cue_ids=tuple(tokenizer.encode(markers.cue)),
            eos_ids=tokenizer.eos_ids,
        )

    def override(self, tokenizer: Tokenizer, closing: str | None = None, cue: str | None = None) -> "ThinkingFormat":
        """Return this format with another closing text or cue, as a request may ask.

        Raises:
            FormatError: if one of them would end the sequence.
        """
        closing_ids, cue_ids = self.closing_ids, self.cue_ids
        if closing is not None:
            closing_ids = _closing_ids(tokenizer, closing, self.markers.close, self.close_ids)
        if cue is not None:
            cue_ids = tuple(tokenizer.encode(cue))
        for name, ids in (("closing", closing_ids), ("cue", cue_ids)):
            if set(ids) & set(self.eos_ids):
                raise FormatError(f"the {name} holds an end-of-sequence token; leave it out")
        return replace(self, closing_ids=closing_ids, cue_ids=cue_ids)

    def pending(self, tail: Sequence[int]) -> int:
        """Return how many tokens at the end of `tail` are the start of a close marker that is not complete."""
        longest = min(len(self.close_ids) - 1, len(tail))
        for length in range(longest, 0, -1):
            if tuple(tail[len(tail) - length :]) == self.close_ids[:length]:
                return length
        return 0


def _closing_ids(tokenizer: Tokenizer, text: str, close: str, close_ids: tuple[int, ...]) -> tuple[int, ...]:
    return (*tokenizer.encode(text.removesuffix(close)), *close_ids)
