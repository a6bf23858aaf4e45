"""A pattern, and a search for it in a text that grows."""

from dataclasses import dataclass, field
from functools import lru_cache

from anytime_server.controller.errors import PatternError
from anytime_server.controller.patterns.automaton import Automaton
from anytime_server.controller.patterns.machine import Machine
from anytime_server.controller.patterns.program import write_program
from anytime_server.controller.patterns.syntax import parse

LONGEST_PATTERN = 256
"""Characters of a pattern."""

KEPT_PATTERNS = 32
"""Patterns that are kept as they are compiled, with what their machines remember, for requests that ask the same."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be looked for; `search` begins to, in a text of its own."""

    text: str
    machine: Machine = field(repr=False, compare=False)

    def search(self) -> "PatternSearch":
        """Return a search that has seen nothing yet."""
        return PatternSearch(self.machine)


@lru_cache(KEPT_PATTERNS)
def compile_pattern(text: str) -> Pattern:
    """Read the pattern `text` (see `syntax`).

    Raises:
        PatternError: if it is malformed, too large, not supported, or matches where nothing is written.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(text)} characters, which is more than {LONGEST_PATTERN}")
    return Pattern(text, Machine(Automaton(write_program(parse(text)))))


class PatternSearch:
    """Looks for a pattern in a text that comes piece by piece, wherever in it the pattern begins.

    It is found as soon as the text that is there decides it: a word boundary behind a letter only with the next one.
    A character costs one look into a dictionary, or a move of the automaton the first time it comes where it does.
    """

    __slots__ = ("_machine", "_stand", "found")

    def __init__(self, machine: Machine) -> None:
        """Start with no text."""
        self.found = False
        self._machine = machine
        self._stand = machine.begin()

    def feed(self, text: str) -> bool:
        """Go on by `text`; return whether the pattern has been found by now."""
        if self.found:
            return True
        for char in text:
            moves = self._stand.moves
            stand = moves[char] if char in moves else self._machine.learn(self._stand, char)
            if stand is None:
                self.found = True
                return True
            self._stand = stand
        return False
