"""How a trace is told: its order, its verbosity, its fillers and re-checks, mixed on purpose.

The mix leaves a later RL run something to improve: order and brevity decide how soon the answer is known. What a model
can see at a glance helps only where it begins with its guess, which a third of the traces do, and say so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from anytime_training.problems.tasks.base import Kind, Piece

FILLERS = ("hmm\n", "ok\n", "let me see\n", "next one\n")


class Verbosity(Enum):
    """How many words a line of thinking takes."""

    TERSE = "terse"
    NORMAL = "normal"
    VERBOSE = "verbose"


@dataclass(frozen=True, slots=True)
class Manner:
    """The manner of one trace; rates are per line. `guesses` is whether the first candidate is a guess at the best."""

    verbosity: Verbosity
    guesses: bool
    order: str
    filler_rate: float
    recheck_rate: float
    concludes: bool

    @classmethod
    def sample(cls, rng: Random) -> "Manner":
        """Draw a manner: a third begins with a guess; the rest in random order, as listed, or promising ones first."""
        return cls(
            verbosity=rng.choices(list(Verbosity), [45, 40, 15])[0],
            guesses=rng.random() < 0.33,
            order=rng.choices(["random", "listed", "promising"], [50, 30, 20])[0],
            filler_rate=rng.choices([0.0, 0.1, 0.3], [50, 30, 20])[0],
            recheck_rate=rng.choices([0.0, 0.1, 0.25], [50, 30, 20])[0],
            concludes=rng.random() < 0.4,
        )

    def verbosity_of_line(self, rng: Random) -> Verbosity:
        """This trace's verbosity, and another one in a tenth of the lines."""
        return rng.choice(list(Verbosity)) if rng.random() < 0.1 else self.verbosity

    def filler(self, rng: Random) -> Iterator[Piece]:
        """A line that says nothing, at the filler rate."""
        if rng.random() < self.filler_rate:
            yield Piece(rng.choice(FILLERS))

    def recheck(self, rng: Random, worked_out: Sequence[tuple[str, str]]) -> Iterator[Piece]:
        """A line that works out something again, at the re-check rate."""
        if worked_out and rng.random() < self.recheck_rate:
            text, value = rng.choice(worked_out)
            yield Piece(f"check {text}=")
            yield Piece(value, Kind.RESULT)
            yield Piece("\n")
