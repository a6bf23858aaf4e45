"""What regular expressions are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Kind = Callable[[str], bool]
"""A kind of characters, as the question whether one is of it."""


class Place(StrEnum):
    """A place between two characters; it takes none."""

    START = r"\A"
    LINE_START = "^"
    LINE_END = "$"
    BOUNDARY = r"\b"
    NO_BOUNDARY = r"\B"


@dataclass(frozen=True, slots=True)
class Characters:
    """One character of a set.

    Attributes:
        ranges: first and last characters.
        kinds: what others are.
        negated: whether all others are meant.
        folded: whether a character stands for its other case as well.
    """

    ranges: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Kind, ...] = ()
    negated: bool = False
    folded: bool = False

    def hold(self, char: str) -> bool:
        """Return whether `char` is one of them."""
        cases = {char, char.lower(), char.upper()} if self.folded else (char,)
        return any(map(self._name, cases)) != self.negated

    def _name(self, char: str) -> bool:
        named = any(first <= char <= last for first, last in self.ranges if len(char) == 1)
        return named or any(kind(char) for kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Series:
    """One part after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, so many times; `most` None is without end."""

    part: "Node"
    least: int
    most: int | None


Node = Characters | Place | Series | Choice | Repeat


def is_word(char: str) -> bool:
    r"""Return whether `char` is one of \w."""
    return char.isalnum() or char == "_"
