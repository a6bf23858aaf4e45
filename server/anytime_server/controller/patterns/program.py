"""A regular expression as a small program: the steps of Thompson's automaton (1968)."""

from dataclasses import dataclass

from anytime_server.controller.errors import PatternError
from anytime_server.controller.patterns.tree import Characters, Choice, Node, Place, Repeat, Series

LARGEST_PROGRAM = 256
"""Steps of a pattern with its repetitions written out: they bound what one character of the text can cost."""


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


Step = Consume | Check | Fork | Found


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, and which of them is the first."""

    steps: tuple[Step, ...]
    entry: int


def write_program(node: Node) -> Program:
    """Return the program of a tree.

    Raises:
        PatternError: if it is too large, or matches where nothing is written.
    """
    if _size(node) > LARGEST_PROGRAM:
        raise PatternError(
            f"with its repetitions written out it has more than {LARGEST_PROGRAM} parts; repeat less often"
        )
    if _can_be_empty(node):
        raise PatternError(
            "it matches where nothing is written, and would end all thinking at once; ask for a character"
        )
    writer = _Writer()
    entry = writer.write(node, writer.put(Found()))
    return Program(tuple(writer.steps), entry)


class _Writer:
    """Writes the steps from the last part of a pattern to the first: each knows what comes after it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def put(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def write(self, node: Node, after: int) -> int:
        """Write `node`, which `after` follows; return where it begins."""
        match node:
            case Characters():
                return self.put(Consume(node, after))
            case Place():
                return self.put(Check(node, after))
            case Series(parts):
                for part in reversed(parts):
                    after = self.write(part, after)
                return after
            case Choice(options):
                return self.put(Fork(tuple(self.write(option, after) for option in options)))
            case Repeat(part, least, most):
                begin = self._endless(part, after) if most is None else self._at_most(part, most - least, after)
                for _ in range(least):
                    begin = self.write(part, begin)
                return begin

    def _endless(self, part: Node, after: int) -> int:
        fork = self.put(Fork(()))
        self.steps[fork] = Fork((self.write(part, fork), after))
        return fork

    def _at_most(self, part: Node, times: int, after: int) -> int:
        begin = after
        for _ in range(times):
            begin = self.put(Fork((self.write(part, begin), after)))
        return begin


def _size(node: Node) -> int:
    """How many steps `node` takes at the most, told without writing them; a nothing that is repeated counts, too."""
    match node:
        case Series(parts):
            return max(1, sum(map(_size, parts)))
        case Choice(options):
            return 1 + sum(map(_size, options))
        case Repeat(part, least, most):
            return 1 + (_size(part) + 1) * (least + 1 if most is None else most)
    return 1


def _can_be_empty(node: Node) -> bool:
    """Whether `node` can match without a character."""
    match node:
        case Series(parts):
            return all(map(_can_be_empty, parts))
        case Choice(options):
            return any(map(_can_be_empty, options))
        case Repeat(part, least, _):
            return least == 0 or _can_be_empty(part)
    return isinstance(node, Place)
