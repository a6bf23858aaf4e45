"""A session's tokens, read off the steps that a store keeps with its log."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokens = tuple[tuple[int, ...], tuple[int, ...]]
"""Ids of the thinking with its closing and cue, and of the answer."""


@dataclass(slots=True)
class _Fold:
    """The tokens up to some entry of a log.

    A leg goes on from the thinking alone, so what an earlier one had generated behind it, its closing or its answer,
    is dropped. Before a leg that follows a loss or an extension an event has told how much thinking there is; tokens
    that no event has told of are thinking, or the leg before them would not have been left. Unless the model ended the
    sequence by the last of them: that it is none tells the next event that counts the thinking.
    """

    trunk: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    spent: int = 0
    begun_at: int = 0

    def take(self, event: dict[str, Any], steps: Sequence[Sequence[Any]]) -> None:
        """Take in what was done for one event."""
        untold: list[int] = []
        for kind, *details in steps:
            if kind == "leg":
                self.trunk, untold = [*self.trunk[: self.spent], *untold], []
                self.spent = self.begun_at = len(self.trunk)
                self.answer.clear()
            elif kind == "tokens":
                untold += details
            elif kind == "answer":
                self.answer.append(details[0])
            elif kind == "anew":
                self.answer.clear()
        self.trunk += untold
        self._count(_spent_by(event, self.spent))

    def _count(self, spent: int) -> None:
        """Take in how much of the trunk is thinking: nothing that came before the leg and is none."""
        if spent < self.begun_at:
            del self.trunk[spent : self.begun_at]
            self.begun_at = spent
        self.spent = spent


def _spent_by(event: dict[str, Any], before: int) -> int:
    """Return how much thinking an event tells of; what was known `before` if it tells nothing."""
    account = event.get("document", event).get("budget", event)
    return int(account.get("spent", before)) if isinstance(account, dict) else before


def tokens_of(entries: Iterable[tuple[str, str]]) -> Tokens:
    """Return the tokens of a log, whose entries are an event and its account, both JSON."""
    fold = _Fold()
    for event, account in entries:
        fold.take(json.loads(event), json.loads(account).get("steps", ()))
    return tuple(fold.trunk), tuple(fold.answer)
