"""The contract of a task family: problems that can be sampled, typed, thought about and verified."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Protocol

from anytime_server.values import same_value, whole_value
from anytime_training.problems.tasks.style import STYLE, Style

CUE = "\nAnswer:"
"""What comes before the value, in a full answer and as the forced cue of a short one."""
NONE = "none"
"""The value of an answer that gives none."""


class Kind(Enum):
    """What a piece of thinking asks of the model; the recipe weighs its loss by it."""

    TEXT = "text"
    CHOICE = "choice"
    RESULT = "result"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known at some point of the thinking: a value, and sentences that say it.

    `done` is said when the thinking ended by itself, `partial` when it was cut.
    """

    value: str
    done: str
    partial: str

    def short(self) -> str:
        """The text of a short answer, after the cue."""
        return f" {self.value}"

    def full(self, complete: bool) -> str:
        """The text of a full answer, after the close marker: a sentence, the cue and the value."""
        return f"\n{self.done if complete else self.partial}{CUE}{self.short()}"


def guess_at(value: str) -> Finding:
    """What is said of a value that nothing was worked out for."""
    sentence = f"My guess is {value}."
    return Finding(value, sentence, sentence)


@dataclass(frozen=True, slots=True)
class Piece:
    """A few tokens of thinking; `finding` is what is known once they are written, None if nothing new is."""

    text: str
    kind: Kind = Kind.TEXT
    finding: Finding | None = None


class Problem(Protocol):
    """One problem. `answers` are the accepted values, the canonical one first."""

    @property
    def family(self) -> str:
        """The name of the family."""

    @property
    def prompt(self) -> str:
        """What the user says."""

    @property
    def answers(self) -> tuple[str, ...]:
        """The accepted values as text."""

    def accepts(self, value: str) -> bool:
        """Whether a value is right."""

    def guess(self) -> Finding:
        """What to answer before anything was worked out."""

    def think(self, rng: Random, style: Style = STYLE) -> Iterator[Piece]:
        """Write one way of thinking about it, told in a manner of the style; the last finding is the answer."""


class Family(Protocol):
    """A family of problems."""

    @property
    def name(self) -> str:
        """The family's name in recipes and reports."""

    def sample(self, rng: Random, count: tuple[int, int]) -> Problem:
        """Draw a problem with `count[0]` to `count[1]` items."""

    def parse(self, line: str) -> Problem | None:
        """Read a problem that a user typed; None if it is not one of this family."""


def value_of(text: str) -> str:
    """The value of an answer: what follows the last cue, or the whole text of a short answer."""
    return whole_value(text, CUE)


def verify(problem: Problem, text: str) -> bool:
    """Whether the answer `text`, full or short, has an accepted value."""
    return problem.accepts(value_of(text))


def is_one_of(value: str, answers: Sequence[str]) -> bool:
    """Whether a value is the same as one of some answers, as the server compares them."""
    return any(same_value(value, answer) for answer in answers)
