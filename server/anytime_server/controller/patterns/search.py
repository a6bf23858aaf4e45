"""A search for a pattern in a text that grows, by an automaton that is made of the program as the text needs it."""

from dataclasses import dataclass
from enum import Enum

from anytime_server.controller.patterns.tree import Characters, Place, is_word

MOST_MOVES = 4096
"""Moves that are remembered; past it all are forgotten, so that no text fills the memory."""


@dataclass(frozen=True, slots=True)
class Consume:
    """Go on behind one of the characters."""

    characters: Characters
    to: int


@dataclass(frozen=True, slots=True)
class Check:
    """Go on if the text is at such a place."""

    place: Place
    to: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Go on in each of several ways."""

    to: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The pattern is there."""


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, and which is the first."""

    steps: tuple[Consume | Check | Fork | Found, ...]
    entry: int


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


@dataclass(frozen=True, slots=True)
class State:
    """Where the automaton stands: the steps that wait for a next character, and what stands before it."""

    waiting: frozenset[int]
    before: Side


class PatternSearch:
    """Looks for a pattern in a text that comes piece by piece, wherever in it the pattern begins.

    It is found as soon as the text that is there decides it: a word boundary behind a letter only with the next one.
    A character costs one look into a dictionary, or a walk over the program the first time it comes from a state.
    """

    __slots__ = ("_moves", "_program", "_remembered", "_state", "found")

    def __init__(self, program: Program) -> None:
        """Start with no text."""
        self._program = program
        self._moves: dict[State, dict[str, State | None]] = {}
        self._remembered = 0
        self._state = State(self._reach({program.entry}, Side.NOTHING, None), Side.NOTHING)
        self.found = False

    def feed(self, text: str) -> bool:
        """Go on by `text`; return whether the pattern has been found by now."""
        for char in text:
            if self.found:
                break
            moves = self._moves.setdefault(self._state, {})
            state = moves[char] if char in moves else self._learn(moves, char)
            if state is None:
                self.found = True
            else:
                self._state = state
        return self.found

    def _learn(self, moves: dict[str, State | None], char: str) -> State | None:
        self._remembered += 1
        if self._remembered > MOST_MOVES:
            self._moves, self._remembered = {}, 0
        moves[char] = state = self._move(self._state, char)
        return state

    def _move(self, state: State, char: str) -> State | None:
        """Return where `char` leads; None if the pattern is found, by it or before it."""
        after = Side.of(char)
        ready = self._reach(state.waiting, state.before, after)
        if self._finds(ready):
            return None
        next_steps = {self._program.entry}
        for index in ready:
            step = self._program.steps[index]
            if isinstance(step, Consume) and step.characters.hold(char):
                next_steps.add(step.to)
        waiting = self._reach(next_steps, after, None)
        return None if self._finds(waiting) else State(waiting, after)

    def _finds(self, steps: frozenset[int]) -> bool:
        return any(isinstance(self._program.steps[index], Found) for index in steps)

    def _reach(self, begin: set[int] | frozenset[int], before: Side, after: Side | None) -> frozenset[int]:
        """Return the steps that can be reached without a character; where `after` is not known, checks wait for it."""
        reached, open_ends = set(begin), list(begin)
        waiting = set()
        while open_ends:
            index = open_ends.pop()
            match self._program.steps[index]:
                case Fork(to):
                    ways = to
                case Check(place, to) if after is not None:
                    ways = (to,) if _is_at(place, before, after) else ()
                case _:
                    waiting.add(index)
                    continue
            open_ends.extend(way for way in ways if way not in reached)
            reached.update(ways)
        return frozenset(waiting)


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
