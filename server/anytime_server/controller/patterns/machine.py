"""An automaton that remembers where it has been led: texts are alike, so nearly every move has been made before."""

from anytime_server.controller.patterns.automaton import Automaton, Side

MOST_REMEMBERED = 1024
"""Moves of one pattern; past it all are forgotten, so that no text fills the memory."""


class Stand:
    """Where a search stands: the steps that wait, what stands before them, and the moves that are known from here.

    A move to None has found the pattern.
    """

    __slots__ = ("before", "moves", "waiting")

    def __init__(self, waiting: int, before: Side) -> None:
        """Know no moves yet."""
        self.waiting = waiting
        self.before = before
        self.moves: dict[str, Stand | None] = {}


class Machine:
    """Makes the moves that are not known yet, for all searches of one pattern. Used on one thread at a time."""

    def __init__(self, automaton: Automaton) -> None:
        """Remember nothing."""
        self._automaton = automaton
        self.forget()

    def forget(self) -> None:
        """Remember nothing. Who stands somewhere goes on from there."""
        self._accepting: dict[str, int] = {}
        self._stands: dict[tuple[int, Side], Stand] = {}
        self.remembered = 0

    def begin(self) -> Stand:
        """Return where a text begins."""
        return self._stand(self._automaton.entry, Side.NOTHING)

    def learn(self, stand: Stand, char: str) -> Stand | None:
        """Return where `char` leads from `stand`, which is known there from now on; None if the pattern is found."""
        if self.remembered >= MOST_REMEMBERED:
            self.forget()
        self.remembered += 1
        if char not in self._accepting:
            self._accepting[char] = self._automaton.accepting(char)
        after = Side.of(char)
        waiting = self._automaton.move(stand.waiting, stand.before, after, self._accepting[char])
        stand.moves[char] = found = None if waiting is None else self._stand(waiting, after)
        return found

    def _stand(self, waiting: int, before: Side) -> Stand:
        return self._stands.setdefault((waiting, before), Stand(waiting, before))
