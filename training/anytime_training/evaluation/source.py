"""The contract of what answers the questions: a local model or a running server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Prompt = str | list[dict[str, str]]
"""What the user says, or the messages of a conversation, the last one the user's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to roll out: increasing thinking budgets in tokens, rollouts of each prompt, temperature 0 is greedy.

    `max_answer_tokens` caps each short answer, so that none can think.
    """

    budgets: tuple[int, ...]
    samples: int = 1
    temperature: float = 1.0
    max_answer_tokens: int = 16
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """A short answer, and the tokens it took, its end included."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """One thinking, cut at the largest budget, with the answer at every budget.

    The answer at a budget that the thinking did not reach is the one after its natural end, the same for all of them.
    `length` counts thinking tokens without the close marker; `ended` tells whether the thinking ended by itself.
    """

    length: int
    ended: bool
    replies: tuple[Reply, ...]


class Source(Protocol):
    """Something that thinks and answers. Both methods raise EvaluationError, whose text names the remedy."""

    @property
    def device(self) -> str:
        """Where it runs, for the report."""

    def check(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Refuse what can't work, before anything is computed."""

    def rollouts(self, prompts: Sequence[Prompt], settings: Settings) -> list[list[Rollout]]:
        """Roll out every prompt `settings.samples` times."""


def conversation(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as messages."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def longest(prompts: Sequence[Prompt]) -> Prompt:
    """The prompt with the most text."""
    return max(prompts, key=lambda prompt: sum(len(message["content"]) for message in conversation(prompt)))
