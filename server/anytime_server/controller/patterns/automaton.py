"""A program run in all its ways at once.

A set of steps is a number, with a bit for each: so a move is a handful of sums, however many ways there are.
"""

from collections.abc import Iterator
from enum import Enum

from anytime_server.controller.patterns.program import Check, Consume, Fork, Found, Program
from anytime_server.controller.patterns.tree import Place, is_word


class Side(Enum):
    """What is on one side of a place, as far as places tell."""

    NOTHING = 0
    NEW_LINE = 1
    WORD = 2
    OTHER = 3

    @classmethod
    def of(cls, char: str) -> "Side":
        """Return that of a character."""
        return cls.NEW_LINE if char == "\n" else cls.WORD if is_word(char) else cls.OTHER


class Automaton:
    """Leads from the steps that wait for a character to those that wait for the next one.

    Attributes:
        entry: the steps that wait at the beginning of the pattern.
    """

    def __init__(self, program: Program) -> None:
        """Run `program`."""
        self._steps = program.steps
        self._behind = [self._waiting(step.to) if isinstance(step, Consume | Check) else 0 for step in program.steps]
        self._checks = self._all(Check)
        self._found = self._all(Found)
        self.entry = self._waiting(program.entry)

    def accepting(self, char: str) -> int:
        """Return the steps that go on behind `char`, wherever they wait."""
        steps = enumerate(self._steps)
        return sum(1 << at for at, step in steps if isinstance(step, Consume) and step.characters.hold(char))

    def move(self, waiting: int, before: Side, after: Side, accepting: int) -> int | None:
        """Return what waits behind a character; None if the pattern is found with it, or was before it.

        Args:
            waiting: what has waited for it.
            before: what stands before the character.
            after: the character itself, from the place before it.
            accepting: the steps that it leads on.
        """
        if waiting & self._checks:
            waiting = self._checked(waiting, before, after)
        reached = self.entry
        for step in _bits(waiting & accepting):
            reached |= self._behind[step]
        return None if (waiting | reached) & self._found else reached

    def _checked(self, waiting: int, before: Side, after: Side) -> int:
        """Let the steps go on that wait at places: it is known now what stands behind them."""
        seen, fresh = 0, waiting & self._checks
        while fresh:
            seen |= fresh
            for at in _bits(fresh):
                step = self._steps[at]
                if isinstance(step, Check) and _is_at(step.place, before, after):
                    waiting |= self._behind[at]
            fresh = waiting & self._checks & ~seen
        return waiting & ~self._checks

    def _waiting(self, entry: int) -> int:
        """What is reached from `entry` without a character, as far as the forks lead."""
        reached, ways = {entry}, [entry]
        for at in ways:
            if isinstance(step := self._steps[at], Fork):
                ways += [way for way in step.to if way not in reached]
                reached.update(step.to)
        return sum(1 << at for at in reached if not isinstance(self._steps[at], Fork))

    def _all(self, kind: type[Check | Found]) -> int:
        return sum(1 << at for at, step in enumerate(self._steps) if isinstance(step, kind))


def _bits(steps: int) -> Iterator[int]:
    while steps:
        lowest = steps & -steps
        yield lowest.bit_length() - 1
        steps ^= lowest


def _is_at(place: Place, before: Side, after: Side) -> bool:
    match place:
        case Place.START:
            return before is Side.NOTHING
        case Place.LINE_START:
            return before in (Side.NOTHING, Side.NEW_LINE)
        case Place.LINE_END:
            return after is Side.NEW_LINE
        case Place.BOUNDARY:
            return (before is Side.WORD) != (after is Side.WORD)
        case Place.NO_BOUNDARY:
            return (before is Side.WORD) == (after is Side.WORD)
