"""Where a rollout stops: at certain tokens, or where its text spells the close marker of the thinking.

Imports torch where a criterion for transformers is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from anytime_server.controller import MarkerSearch, ThinkingFormat


@dataclass(frozen=True, slots=True)
class Stop:
    """Stops at any of `ids`, and where `search` has found its marker, whatever tokens spell it."""

    ids: tuple[int, ...]
    search: MarkerSearch | None = None

    @classmethod
    def thinking(cls, format: ThinkingFormat) -> "Stop":
        """Return where thinking stops: at its end, or at the end of the sequence."""
        return cls(format.eos_ids, format.close_search)

    @staticmethod
    def single_tokens(format: ThinkingFormat) -> list[int]:
        """Return the tokens by which an engine can stop thinking: all, if the close marker is one of them."""
        close = format.close_ids if len(format.close_ids) == 1 else ()
        return [*close, *format.eos_ids]

    def watch(self) -> Callable[[int], bool]:
        """Return what takes the tokens of a rollout one by one, and says after each whether they stop there."""
        node = 0

        def stops(token: int) -> bool:
            nonlocal node
            if token in self.ids:
                return True
            if self.search is None:
                return False
            move = self.search.move(node, token)
            node = move.node
            return move.ended_at is not None

        return stops

    def length(self, ids: Sequence[int]) -> int | None:
        """Return after how many of `ids` they stop; None if they go on."""
        stops = self.watch()
        return next((index for index, token in enumerate(ids, start=1) if stops(token)), None)

    def until(self, ids: list[int]) -> list[int]:
        """Return `ids` up to where they stop, the token that stops them included."""
        return ids[: self.length(ids)]

    def criteria(self, rows: int) -> list[Any]:
        """Return the stopping criteria of transformers' `generate` for so many rows, each of which stops by itself."""
        return [] if self.search is None else [_criterion(self.search, rows)]


def _criterion(search: MarkerSearch, rows: int) -> Any:
    import torch
    from transformers import StoppingCriteria

    class MarkerFound(StoppingCriteria):
        """Follows every row by its newest token."""

        def __init__(self) -> None:
            self._nodes = [0] * rows

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
            """Return (rows,) bool: which rows have just spelled the marker."""
            moves = [
                search.move(node, token) for node, token in zip(self._nodes, input_ids[:, -1].tolist(), strict=True)
            ]
            self._nodes = [move.node for move in moves]
            return torch.tensor([move.ended_at is not None for move in moves], device=input_ids.device)

    return MarkerFound()
