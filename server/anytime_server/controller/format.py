"""A model's thinking format, resolved with the model's own tokenizer."""

from dataclasses import dataclass, field, replace

from anytime_server.controller.errors import FormatError
from anytime_server.controller.markers import ThinkingMarkers
from anytime_server.controller.search import ROOT, MarkerSearch
from anytime_server.controller.template import markers_of
from anytime_server.controller.tokenizer import Tokenizer

BEGUN_FROM = 2
"""Characters of a marker from which on it counts as begun: a lone `<` is mostly something else."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What is forced where thinking is cut inside a close marker that the model has begun.

    Attributes:
        ids: the rest of the marker, in the family's own spelling.
        closes: whether that closes the thinking; else the format's closing still has to follow.
    """

    ids: tuple[int, ...]
    closes: bool


@dataclass(frozen=True, slots=True)
class ThinkingFormat:
    """A model's thinking markers, the closing that ends truncated thinking, and the cue of a short answer.

    Markers are found in the text, whatever tokens spell it; what is forced is their own encoding.

    Attributes:
        markers: the family's markers as text.
        open_ids, close_ids: their own spelling.
        closing_ids: what is forced where thinking is cut; it always ends with `close_ids`.
        cue_ids: what is forced before a short answer.
        eos_ids: what ends a generation.
        close_search: finds what ends the thinking: the close marker, or the headers that do (see `ThinkingMarkers`).
        tail_search: finds the end of such a header; None if nothing is left of a marker that was found.
        open_search: finds what would open the thinking again in an answer.
        completions: by the node of `close_search`: what completes a marker begun there; None where none has begun.
    """

    markers: ThinkingMarkers
    open_ids: tuple[int, ...]
    close_ids: tuple[int, ...]
    closing_ids: tuple[int, ...]
    cue_ids: tuple[int, ...]
    eos_ids: tuple[int, ...]
    close_search: MarkerSearch = field(repr=False, compare=False)
    tail_search: MarkerSearch | None = field(repr=False, compare=False)
    open_search: MarkerSearch = field(repr=False, compare=False)
    completions: tuple[Completion | None, ...] = field(repr=False)

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
        if markers.open == markers.close:
            raise FormatError(f"the open and close markers are the same ({markers.open!r})")
        vocabulary = tokenizer.vocabulary
        begun_from = min(BEGUN_FROM, len(vocabulary[close_ids[0]]) or 1)
        close_search = MarkerSearch(markers.closers, vocabulary, begun_from)
        return cls(
            markers=markers,
            open_ids=open_ids,
            close_ids=close_ids,
            closing_ids=_closing_ids(tokenizer, markers.closing, markers.close, close_ids),
            cue_ids=tuple(tokenizer.encode(markers.cue)),
            eos_ids=tokenizer.eos_ids,
            close_search=close_search,
            tail_search=MarkerSearch([markers.header_end], vocabulary) if markers.header_end else None,
            open_search=MarkerSearch([markers.reopener], vocabulary),
            completions=_completions(tokenizer, markers, close_ids, close_search),
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

    @property
    def forced_tokens(self) -> int:
        """How many tokens are forced between thinking that is cut and a short answer."""
        return len(self.closing_ids) + len(self.cue_ids)

    @property
    def most_closing(self) -> int:
        """The most tokens that are forced to close the thinking."""
        begun = [self.completion_at(node) or () for node in range(self.close_search.nodes)]
        return max(len(self.closing_ids), *map(len, begun))

    def completion_at(self, node: int) -> tuple[int, ...] | None:
        """Return what is forced where thinking is cut at `node` of `close_search`; None if no marker has begun."""
        completion = self.completions[node]
        if completion is None:
            return None
        return completion.ids if completion.closes else (*completion.ids, *self.closing_ids)


def _closing_ids(tokenizer: Tokenizer, text: str, close: str, close_ids: tuple[int, ...]) -> tuple[int, ...]:
    return (*tokenizer.encode(text.removesuffix(close)), *close_ids)


def _completions(
    tokenizer: Tokenizer, markers: ThinkingMarkers, close_ids: tuple[int, ...], search: MarkerSearch
) -> tuple[Completion | None, ...]:
    """What completes a marker at every node: the rest of the close marker, or the end of another header begun."""
    close, rests = markers.close.encode(), _rests(close_ids, search)
    made: list[Completion | None] = []
    for node, spelled in enumerate(search.text.spelled):
        if node == ROOT or not search.begun(node):
            made.append(None)
        elif close.startswith(spelled):
            rest = close[len(spelled) :]
            made.append(Completion(rests.get(len(rest)) or spell(rest, tokenizer), closes=True))
        else:
            made.append(Completion(spell(markers.header_end.encode(), tokenizer), closes=False))
    return tuple(made)


def _rests(close_ids: tuple[int, ...], search: MarkerSearch) -> dict[int, tuple[int, ...]]:
    """The ends of the close marker's own spelling, by their length in bytes."""
    ends = [close_ids[index:] for index in range(1, len(close_ids))]
    return {sum(len(search.bytes_of(token)) for token in end): end for end in ends}


def spell(text: bytes, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return tokens that spell `text`, which may begin or end inside a character.

    Raises:
        FormatError: if the vocabulary can't spell it.
    """
    vocabulary = tokenizer.vocabulary
    try:
        ids = tuple(tokenizer.encode(text.decode()))
    except UnicodeDecodeError:
        ids = ()
    if b"".join(vocabulary[token] for token in ids) == text:
        return ids
    made: list[int] = []
    pieces = {piece: token for token, piece in reversed(list(enumerate(vocabulary))) if piece and piece in text}
    while text:
        piece = next((text[:size] for size in range(len(text), 0, -1) if text[:size] in pieces), None)
        if piece is None:
            raise FormatError(f"the tokenizer can't spell {text!r}, a part of the close marker")
        made.append(pieces[piece])
        text = text[len(piece) :]
    return tuple(made)
