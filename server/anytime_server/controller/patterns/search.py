"""A pattern, and a search for it in a text that grows."""

from dataclasses import dataclass, field

from anytime_server.controller.errors import PatternError
from anytime_server.controller.patterns.automaton import Automaton, Side
from anytime_server.controller.patterns.program import write_program
from anytime_server.controller.patterns.syntax import parse

LONGEST_PATTERN = 256
"""Characters of a pattern."""

MOST_REMEMBERED = 4096
"""Moves, and characters, that a search remembers; past it it forgets them all, so that no text fills the memory."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be looked for; `search` begins to, in a text of its own."""

    text: str
    automaton: Automaton = field(repr=False, compare=False)

    def search(self) -> "PatternSearch":
        """Return a search that has seen nothing yet."""
        return PatternSearch(self.automaton)


def compile_pattern(text: str) -> Pattern:
    """Read the pattern `text` (see `syntax`).

    Raises:
        PatternError: if it is malformed, too large, not supported, or matches where nothing is written.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(text)} characters, which is more than {LONGEST_PATTERN}")
    return Pattern(text, Automaton(write_program(parse(text))))


class _Stand:
    """Where a search stands: the steps that wait, what stands before them, and the moves from here that it knows."""

    __slots__ = ("before", "moves", "waiting")

    def __init__(self, waiting: int, before: Side) -> None:
        self.waiting = waiting
        self.before = before
        self.moves: dict[str, _Stand | None] = {}


class PatternSearch:
    """Looks for a pattern in a text that comes piece by piece, wherever in it the pattern begins.

    It is found as soon as the text that is there decides it: a word boundary behind a letter only with the next one.
    A character costs one look into a dictionary, or a move of the automaton the first time it comes where it does.
    """

    __slots__ = ("_accepting", "_automaton", "_learned", "_stand", "_stands", "found")

    def __init__(self, automaton: Automaton) -> None:
        """Start with no text."""
        self.found = False
        self._automaton = automaton
        self._stand = _Stand(automaton.entry, Side.NOTHING)
        self._stands: dict[tuple[int, Side], _Stand] = {}
        self._accepting: dict[str, int] = {}
        self._learned = 0

    def feed(self, text: str) -> bool:
        """Go on by `text`; return whether the pattern has been found by now."""
        if self.found:
            return True
        for char in text:
            moves = self._stand.moves
            stand = moves[char] if char in moves else self._learn(char)
            if stand is None:
                self.found = True
                return True
            self._stand = stand
        return False

    def _learn(self, char: str) -> _Stand | None:
        if self._learned >= MOST_REMEMBERED:
            self._stands, self._accepting, self._learned = {}, {}, 0
        self._learned += 1
        if char not in self._accepting:
            self._accepting[char] = self._automaton.accepting(char)
        stand, after = self._stand, Side.of(char)
        waiting = self._automaton.move(stand.waiting, stand.before, after, self._accepting[char])
        if waiting is None:
            stand.moves[char] = None
            return None
        found = self._stands.setdefault((waiting, after), _Stand(waiting, after))
        stand.moves[char] = found
        return found
