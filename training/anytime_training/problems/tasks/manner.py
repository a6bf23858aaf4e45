"""How a trace is told: its order, its verbosity, its fillers and re-checks, mixed on purpose.

The mix leaves a later RL run something to improve: order and brevity decide how soon the answer is known. The order is
decided line by line: a line works on the most promising item that is left, at the rate of the style, or on the next of
an order that knows nothing. No word announces which.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TypeVar

from anytime_training.problems.tasks.base import Kind, Piece
from anytime_training.problems.tasks.style import Style

FILLERS = ("hmm\n", "ok\n", "let me see\n", "next one\n")


class Verbosity(Enum):
    """How many words a line of thinking takes."""

    TERSE = "terse"
    NORMAL = "normal"
    VERBOSE = "verbose"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """The manner of one trace; rates are per line."""

    verbosity: Verbosity
    promising: float
    listed: bool
    filler_rate: float
    recheck_rate: float
    concludes: bool

    @classmethod
    def sample(cls, rng: Random, style: Style) -> "Manner":
        """Draw a manner."""
        return cls(
            verbosity=rng.choices(list(Verbosity), [style.terse, style.normal, style.verbose])[0],
            promising=style.promising,
            listed=rng.random() < style.listed,
            filler_rate=rng.choice([0.1, 0.1, 0.1, 0.3, 0.3]) if rng.random() < style.fillers else 0.0,
            recheck_rate=rng.choice([0.1, 0.1, 0.1, 0.25, 0.25]) if rng.random() < style.rechecks else 0.0,
            concludes=rng.random() < style.concludes,
        )

    def order(self, items: Sequence[T], promise: Callable[[T], float], rng: Random) -> Iterator[T]:
        """Every item once; `promise` says how promising one is."""
        left = list(items)
        if not self.listed:
            rng.shuffle(left)
        while left:
            item = max(left, key=promise) if rng.random() < self.promising else left[0]
            left.remove(item)
            yield item

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
