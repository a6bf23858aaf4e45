"""The contract of what answers the questions: a local model or a running server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from anytime_server.controller import Conditions, ThinkingMarkers

Prompt = str | list[dict[str, str]]
"""What the user says, or the messages of a conversation, the last one the user's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to roll out: increasing thinking budgets in tokens, rollouts of each prompt, temperature 0 is greedy.

    `max_answer_tokens` caps each short answer, so that none can think. With `full_answer_tokens` (0: not) a full answer
    of at most so many tokens is asked for as well, where the budget `leak_at` cuts the thinking. A rollout of several
    `trunks` has that many thoughts side by side, each with these budgets, whose votes are the answers.
    """

    budgets: tuple[int, ...]
    samples: int = 1
    temperature: float = 1.0
    max_answer_tokens: int = 16
    seed: int = 1
    full_answer_tokens: int = 0
    trunks: int = 1

    @property
    def leak_at(self) -> int:
        """The budget a quarter of the way, which cuts most of the thinking; 0 if no full answers are asked for."""
        index = min(max(1, len(self.budgets) // 4), len(self.budgets) - 1)
        return self.budgets[index] if self.full_answer_tokens else 0

    def conditions(self, model: str, markers: ThinkingMarkers) -> Conditions:
        """Return what a calibration on these rollouts is made for."""
        return Conditions(
            model=model,
            open=markers.open,
            close=markers.close,
            closing=markers.closing,
            cue=markers.cue,
            temperature=self.temperature,
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            interim_samples=1,
            interim_temperature=self.temperature,
            interim_max_tokens=self.max_answer_tokens,
            budget=self.trunks * self.budgets[-1],
            checkpoints=self.budgets[:-1],
            trunks=self.trunks,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A short answer, the tokens it took, its end included, and the mean of their probabilities under the model.

    One that several trunks have voted for also has its share of their weight, and how many of the trunks for it were
    done. A server also tells for how many checkpoints it has stood.
    """

    text: str
    tokens: int
    confidence: float = field(default=1.0, compare=False)  # no two ways to compute it agree to the last digit
    consensus: float | None = None
    done: int = 0
    stable_for: int | None = field(default=None, compare=False)  # the same, as a rule


@dataclass(frozen=True, slots=True)
class Rollout:
    """One thinking, cut at the largest budget, with the answer at every budget.

    The answer at a budget that the thinking did not reach is the one after its natural end, the same for all of them.
    `length` counts thinking tokens without the close marker, of several trunks those of the longest; `ended` tells
    whether the thinking ended by itself.
    `leaked` tells whether the full answer at `Settings.leak_at` goes on thinking: it spells a thinking marker, or has
    not ended within its tokens. None if that budget does not cut the thinking.
    """

    length: int
    ended: bool
    replies: tuple[Reply, ...]
    leaked: bool | None = field(default=None, compare=False)


Done = Callable[[int], None]
"""Told how many more rollouts are done."""


def unheard(done: int) -> None:
    """Tell nobody."""


class Source(Protocol):
    """Something that thinks and answers. Its methods raise EvaluationError, whose text names the remedy."""

    @property
    def device(self) -> str:
        """Where it runs, for the report."""

    def check(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Refuse what can't work, before anything is computed."""

    def conditions(self, settings: Settings) -> Conditions:
        """Return how it thinks and answers, as far as `check` has found out."""

    def rollouts(self, prompts: Sequence[Prompt], settings: Settings, done: Done = unheard) -> list[list[Rollout]]:
        """Roll out every prompt `settings.samples` times, telling `done` on the way."""


def conversation(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as messages."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def longest(prompts: Sequence[Prompt]) -> Prompt:
    """The prompt with the most text."""
    return max(prompts, key=lambda prompt: sum(len(message["content"]) for message in conversation(prompt)))
