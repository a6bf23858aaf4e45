r"""Finding markers in the text that tokens spell, whatever tokens they are.

A tokenizer may spell `</think>` as one token, as `</` `think` `>`, or with its neighbours: `.</` `think` `>\n\n`. So
the search runs over bytes, as an Aho-Corasick automaton (1975), and is lifted to tokens: a node and a token lead to a
node. The reference state machine takes these moves one by one; on a GPU they are a table of nodes x vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

ROOT = 0


class TextSearch:
    """Finds the first of several texts, byte by byte: `step` leads from node to node, ROOT being the first.

    A node stands for the longest start of one of the texts that the bytes so far end with.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        """Search for `texts`, none of them empty."""
        self.texts = tuple(texts)
        self.spelled: list[bytes] = [b""]
        children: list[dict[int, int]] = [{}]
        for text in self.texts:
            node = ROOT
            for length, byte in enumerate(text, start=1):
                if byte not in children[node]:
                    children[node][byte] = len(children)
                    children.append({})
                    self.spelled.append(text[:length])
                node = children[node][byte]
        self.steps = self._complete(children)
        self.found = [any(spelled.endswith(text) for text in self.texts) for spelled in self.spelled]

    def _complete(self, children: list[dict[int, int]]) -> list[list[int]]:
        """Give every node a step for every byte: where it has no child, the one of its longest end that is a node."""
        node_of = {spelled: node for node, spelled in enumerate(self.spelled)}
        steps: list[list[int]] = [[] for _ in children]
        for node in sorted(range(len(children)), key=lambda node: len(self.spelled[node])):
            spelled = self.spelled[node]
            ends = (spelled[start:] for start in range(1, len(spelled) + 1))
            back = next((node_of[end] for end in ends if end in node_of), ROOT)
            steps[node] = [ROOT] * 256 if node == ROOT else list(steps[back])
            for byte, child in children[node].items():
                steps[node][byte] = child
        return steps


class Standing(IntEnum):
    """How a token stands to the marker that has begun, or is whole, once it is there."""

    OUTSIDE = 0
    """No part of it, or only with its end: as a token, it belongs to what is before the marker."""
    BEGINS = 1
    CONTINUES = 2


@dataclass(frozen=True, slots=True)
class Move:
    """Where a token leads.

    Attributes:
        node: the node after it; ROOT once the marker is whole.
        standing: its own standing to the marker.
        before: how many of its bytes stand before a marker that begins in it.
        ended_at: after how many of its bytes the marker is whole; None if it is not.
    """

    node: int
    standing: Standing
    before: int
    ended_at: int | None


class MarkerSearch:
    """A search for the first of several markers, over the tokens of a vocabulary.

    A marker's lone first character, as a token of its own, is not yet taken for its beginning (`x <` would be one),
    unless the family's own spelling begins with such a token: see `begun_from`.
    """

    def __init__(self, markers: Sequence[str], vocabulary: Sequence[bytes], begun_from: int = 1) -> None:
        """Search for `markers`; the token `t` spells `vocabulary[t]`, and ids beyond it spell nothing.

        Args:
            markers: none of them empty.
            vocabulary: the bytes of each token.
            begun_from: from how many bytes on a marker counts as begun.
        """
        self.text = TextSearch([marker.encode() for marker in markers])
        self.vocabulary = vocabulary
        self.begun_from = begun_from
        self._moves: list[dict[int, Move]] = [{} for _ in self.text.spelled]
        self._completing: dict[int, tuple[int, ...]] = {}

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.text.spelled)

    @cached_property
    def reach(self) -> int:
        """Bytes of the longest marker: as many last tokens decide at which node a sequence stands."""
        return max(map(len, self.text.texts))

    @cached_property
    def _whole(self) -> tuple[int, ...]:
        """The tokens that hold a whole marker."""
        texts = self.text.texts
        return tuple(token for token, piece in enumerate(self.vocabulary) if any(text in piece for text in texts))

    def depth(self, node: int) -> int:
        """Return how many bytes of a marker stand at `node`."""
        return len(self.text.spelled[node])

    def longest_found(self, node: int) -> int:
        """Return how many bytes the longest marker has that is whole at `node`; 0 if none is."""
        spelled = self.text.spelled[node]
        return max((len(text) for text in self.text.texts if spelled.endswith(text)), default=0)

    def begun(self, node: int) -> bool:
        """Return whether a marker counts as begun at `node`."""
        return self.depth(node) >= self.begun_from

    def bytes_of(self, token: int) -> bytes:
        """Return what `token` spells."""
        return self.vocabulary[token] if token < len(self.vocabulary) else b""

    def move(self, node: int, token: int, begin: int = 0) -> Move:
        """Return where `token` leads from `node`, or what is left of it after its first `begin` bytes."""
        if begin:
            return self._walk(node, self.bytes_of(token), begin)
        move = self._moves[node].get(token)
        if move is None:
            move = self._moves[node][token] = self._walk(node, self.bytes_of(token))
        return move

    def completing(self, node: int) -> tuple[int, ...]:
        """Return the tokens after which a marker is whole, from `node`; found once for each node."""
        if node not in self._completing:
            spelled, texts = self.text.spelled[node], self.text.texts
            rests = tuple(
                text[length:] for text in texts for length in range(1, len(text)) if spelled.endswith(text[:length])
            )
            begins = [token for token, piece in enumerate(self.vocabulary) if piece.startswith(rests)] if rests else []
            self._completing[node] = tuple(sorted({*self._whole, *begins}))
        return self._completing[node]

    def _walk(self, start: int, piece: bytes, begin: int = 0) -> Move:
        node, steps = start, self.text.steps
        for length in range(begin + 1, len(piece) + 1):
            node = steps[node][piece[length - 1]]
            if self.text.found[node]:
                whole = self.longest_found(node)
                standing = self._standing(start, whole, length)
                # A token that completes the marker is the marker's, whatever else it begins with.
                standing = Standing.BEGINS if standing is Standing.OUTSIDE else standing
                return Move(ROOT, standing, max(0, length - whole), length)
        standing = self._standing(start, self.depth(node), len(piece))
        return Move(node, standing, max(0, len(piece) - self.depth(node)), None)

    def _standing(self, start: int, depth: int, length: int) -> Standing:
        """Standing of `length` bytes that lead from the node `start` to one of `depth`."""
        if depth > 0 and depth == self.depth(start) + length and start != ROOT:
            return Standing.CONTINUES
        if depth == length and depth >= self.begun_from:
            return Standing.BEGINS
        return Standing.OUTSIDE
