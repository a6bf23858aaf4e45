"""A regular expression as a small program: the steps of Thompson's automaton (1968)."""

from dataclasses import dataclass

from anytime_server.controller.errors import PatternError
from anytime_server.controller.patterns.search import Check, Consume, Fork, Found, PatternSearch, Program
from anytime_server.controller.patterns.syntax import parse
from anytime_server.controller.patterns.tree import Characters, Choice, Node, Place, Repeat, Series

LONGEST_PATTERN = 256
"""Characters of a pattern."""

LARGEST_PROGRAM = 256
"""Steps of a pattern with its repetitions written out: they bound what one character of the text can cost."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be looked for; `search` begins to, in a text of its own."""

    text: str
    program: Program

    def search(self) -> PatternSearch:
        """Return a search that has seen nothing yet."""
        return PatternSearch(self.program)


def compile_pattern(text: str) -> Pattern:
    """Read the pattern `text` (see `syntax`).

    Raises:
        PatternError: if it is malformed, too large, not supported, or matches where nothing is written.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(text)} characters, which is more than {LONGEST_PATTERN}")
    node = parse(text)
    if _steps(node) > LARGEST_PROGRAM:
        raise PatternError(
            f"with its repetitions written out it has more than {LARGEST_PROGRAM} parts; repeat less often"
        )
    if _is_empty(node):
        raise PatternError(
            "it matches where nothing is written, and would end all thinking at once; ask for a character"
        )
    compiler = _Compiler()
    entry = compiler.entry(node, compiler.put(Found()))
    return Pattern(text, Program(tuple(compiler.steps), entry))


class _Compiler:
    """Writes the steps from the last part of a pattern to the first: each knows what comes after it."""

    def __init__(self) -> None:
        self.steps: list[Consume | Check | Fork | Found] = []

    def put(self, step: Consume | Check | Fork | Found) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def entry(self, node: Node, after: int) -> int:
        """Write `node`, which `after` follows; return where it begins."""
        match node:
            case Characters():
                return self.put(Consume(node, after))
            case Place():
                return self.put(Check(node, after))
            case Series(parts):
                for part in reversed(parts):
                    after = self.entry(part, after)
                return after
            case Choice(options):
                return self.put(Fork(tuple(self.entry(option, after) for option in options)))
            case Repeat(part, least, most):
                begin = self._endless(part, after) if most is None else self._at_most(part, most - least, after)
                for _ in range(least):
                    begin = self.entry(part, begin)
                return begin

    def _endless(self, part: Node, after: int) -> int:
        fork = self.put(Fork(()))
        self.steps[fork] = Fork((self.entry(part, fork), after))
        return fork

    def _at_most(self, part: Node, times: int, after: int) -> int:
        begin = after
        for _ in range(times):
            begin = self.put(Fork((self.entry(part, begin), after)))
        return begin


def _steps(node: Node) -> int:
    """How many steps `node` takes, counted without writing them; a repeated nothing counts as well."""
    match node:
        case Series(parts):
            return max(1, sum(map(_steps, parts)))
        case Choice(options):
            return 1 + sum(map(_steps, options))
        case Repeat(part, least, most):
            return 1 + (_steps(part) + 1) * (least + 1 if most is None else most)
    return 1


def _is_empty(node: Node) -> bool:
    """Whether `node` can match without a character."""
    match node:
        case Series(parts):
            return all(map(_is_empty, parts))
        case Choice(options):
            return any(map(_is_empty, options))
        case Repeat(part, least, _):
            return least == 0 or _is_empty(part)
    return isinstance(node, Place)
