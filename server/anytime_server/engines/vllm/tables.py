"""The searches of a thinking format as one table of nodes x vocabulary, for the device.

The nodes of a format stand one after another: those of its close markers, those of the end of a header, DONE (the
model has closed its thinking by itself), and those of the open marker, which an answer after a cut must not spell.
Dimensions: N nodes, V token ids, C tokens of the longest completion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from anytime_server.controller import MarkerSearch, Standing, ThinkingFormat

THINK, HEADER, DONE, ANSWER = range(4)
"""Kinds of nodes."""

STANDING_BITS = 0b011
COMPLETES_BIT = 0b100
NODE_SHIFT = 3
MOST_NODES = 2 ** (15 - NODE_SHIFT)


@dataclass(frozen=True, slots=True)
class Tables:
    """What the scan reads, for all formats that have come up.

    Attributes:
        entries_NV: int16; the node that a token leads to, whether it completes what is searched for, its standing.
        kinds_N: int8.
        begun_N: bool; whether a close marker counts as begun.
        completion_NC: int32 token ids that complete it; `completion_lengths_N`, and whether they close the thinking
            too (`completion_closes_N`) or the closing still follows.
    """

    entries_NV: torch.Tensor
    kinds_N: torch.Tensor
    begun_N: torch.Tensor
    completion_NC: torch.Tensor
    completion_lengths_N: torch.Tensor
    completion_closes_N: torch.Tensor

    @classmethod
    def empty(cls, vocabulary_size: int, device: torch.device | str) -> "Tables":
        """Return a single node that leads nowhere, that of requests without a policy."""
        return cls(
            torch.zeros(1, vocabulary_size, dtype=torch.int16, device=device),
            torch.full((1,), DONE, dtype=torch.int8, device=device),
            torch.zeros(1, dtype=torch.bool, device=device),
            torch.zeros(1, 1, dtype=torch.int32, device=device),
            torch.zeros(1, dtype=torch.int32, device=device),
            torch.zeros(1, dtype=torch.bool, device=device),
        )

    def adding(self, format: ThinkingFormat) -> "tuple[Tables, Roots]":
        """Return tables with the nodes of `format` after those there are, and where these begin.

        Raises:
            ValueError: if there are too many nodes.
        """
        first, size = self.entries_NV.shape
        made = _nodes(format, size, first)
        if first + len(made.kinds) > MOST_NODES:
            raise ValueError(f"the thinking formats of all requests come to more than {MOST_NODES} nodes")
        ids = [completion.ids if completion else () for completion in format.completions]
        ids += [()] * (len(made.kinds) - len(ids))
        width = max(self.completion_NC.shape[1], *map(len, ids))
        rows = [[*completion, *[0] * (width - len(completion))] for completion in ids]
        old_NC = torch.nn.functional.pad(self.completion_NC, (0, width - self.completion_NC.shape[1]))
        closes = [completion is not None and completion.closes for completion in format.completions]
        closes += [False] * (len(made.kinds) - len(closes))
        begun = [completion is not None for completion in format.completions]
        begun += [False] * (len(made.kinds) - len(begun))
        tables = Tables(
            self._joined(self.entries_NV, made.entries_NV),
            self._joined(self.kinds_N, made.kinds),
            self._joined(self.begun_N, begun),
            self._joined(old_NC, rows),
            self._joined(self.completion_lengths_N, [len(completion) for completion in ids]),
            self._joined(self.completion_closes_N, closes),
        )
        return tables, made.roots

    @staticmethod
    def _joined(old: torch.Tensor, new: "npt.NDArray[np.int16] | Sequence[object]") -> torch.Tensor:
        return torch.cat((old, torch.as_tensor(np.asarray(new), dtype=old.dtype).to(old.device)))


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the searches of a format begin among the nodes."""

    think: int
    answer: int


@dataclass(frozen=True, slots=True)
class _Nodes:
    entries_NV: npt.NDArray[np.int16]
    kinds: list[int]
    roots: Roots


def _nodes(format: ThinkingFormat, size: int, first: int) -> _Nodes:
    """The nodes of `format` over `size` token ids, numbered from `first`."""
    close, tail, reopen = format.close_search, format.tail_search, format.open_search
    header = first + close.nodes
    done = header + (tail.nodes if tail else 0)
    answer = done + 1
    bytes_ = _Bytes.of(close.vocabulary, size)
    after_close = (tail, header) if tail else (None, done)
    rows = [_row(close, node, bytes_, first, after_close, done) for node in range(close.nodes)]
    rows += [_row(tail, node, bytes_, header, (None, done), done) for node in range(tail.nodes)] if tail else []
    rows += [np.full(size, done << NODE_SHIFT, dtype=np.int16)]
    rows += [_row(reopen, node, bytes_, answer, (None, answer), answer) for node in range(reopen.nodes)]
    kinds = [THINK] * close.nodes + [HEADER] * (tail.nodes if tail else 0) + [DONE] + [ANSWER] * reopen.nodes
    return _Nodes(np.stack(rows), kinds, Roots(first, answer))


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes of all tokens by position: `columns[i]` holds the byte i of the tokens `order[:len(columns[i])]`."""

    order: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    columns: list[npt.NDArray[np.uint8]]

    @classmethod
    def of(cls, vocabulary: Sequence[bytes], size: int) -> "_Bytes":
        pieces = [*vocabulary[:size], *[b""] * (size - len(vocabulary))]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        longest = int(lengths.max(initial=0))
        counts = [int((lengths > position).sum()) for position in range(longest)]
        ordered = [pieces[token] for token in order[: counts[0] if counts else 0]]
        columns = [
            np.frombuffer(bytes(piece[position] for piece in ordered[:count]), dtype=np.uint8)
            for position, count in enumerate(counts)
        ]
        return cls(order, lengths, columns)


def _row(
    search: MarkerSearch,
    start: int,
    bytes_: _Bytes,
    first: int,
    then: tuple[MarkerSearch | None, int],
    done: int,
) -> npt.NDArray[np.int16]:
    """Where every token leads from the node `start` of `search`, whose nodes are numbered from `first`.

    What is found leads on into the search `then`, from the node that it is numbered from, within the same token too.
    """
    steps = np.array(search.text.steps, dtype=np.int32)
    found = np.array(search.text.found)
    depths = np.array([search.depth(node) for node in range(search.nodes)])
    wholes = np.array([search.longest_found(node) for node in range(search.nodes)])
    count = len(bytes_.order)
    node, ended = np.full(count, start, dtype=np.int32), np.zeros(count, dtype=bool)
    whole, ended_at = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for position, column in enumerate(bytes_.columns):
        here = slice(0, len(column))
        stepped = np.where(ended[here], node[here], steps[node[here], column])
        now = ~ended[here] & found[stepped]
        whole[here][now], ended_at[here][now] = wholes[stepped[now]], position + 1
        node[here] = stepped
        ended[here] |= now
    lengths = bytes_.lengths[bytes_.order]
    depth = np.where(ended, whole, depths[node])
    length = np.where(ended, ended_at, lengths)
    continues = (depth > 0) & (depth == depths[start] + length) & (start != 0)
    begins = (depth == length) & (depth >= search.begun_from) | ended
    standing = np.where(continues, Standing.CONTINUES, np.where(begins, Standing.BEGINS, Standing.OUTSIDE))
    target = np.where(ended, then[1], first + node)
    if (search_then := then[0]) is not None:
        for index in np.flatnonzero(ended):
            piece = search.bytes_of(int(bytes_.order[index]))
            target[index] = _rest(search_then, piece[int(ended_at[index]) :], then[1], done)
    entries = (target << NODE_SHIFT) | (ended * COMPLETES_BIT) | standing
    row = np.empty(count, dtype=np.int16)
    row[bytes_.order] = entries
    return row


def _rest(search: MarkerSearch, rest: bytes, first: int, done: int) -> int:
    """Where the rest of a token leads that has found a header."""
    node = 0
    for byte in rest:
        node = search.text.steps[node][byte]
        if search.text.found[node]:
            return done
    return first + node
