"""Whether a compiled grammar produces anything that a vocabulary can spell.

xgrammar prints a compiled grammar as one rule a line, `name ::= (("text" [a-z] other{0, -1}) | (other))`. A rule is
alive if one of its alternatives can be finished: all rules in it are alive, and its letters are in the vocabulary. A
grammar whose root is dead compiles, and would hold a model to what never ends (`root ::= "a" root`) or never begins.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "b": "\b", "a": "\a", "e": "\x1b", "0": "\0"}
_CHARACTER = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)|(.)", re.DOTALL)
_PIECE = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<set>\[(?:[^\]\\]|\\.)*\])|(?P<name>[A-Za-z_][\w.-]*)|(?P<ahead>\(=)'
    r"|(?P<times>\{\d+, ?-?\d+\}|[*?])|(?P<mark>[()|+])|(?P<space>\s+)|(?P<other>.)"
)

Alphabet = frozenset[str] | None
"""The characters that are in some token; None: all."""


class UnreadableGrammar(Exception):
    """The grammar is printed in a form that is not read here."""


@dataclass(frozen=True, slots=True)
class _Body:
    """Alternatives, each of which is the rules and groups that must be alive; None stands for what never is."""

    alternatives: tuple[tuple["str | _Body | None", ...], ...]

    def alive(self, rules: set[str]) -> bool:
        return any(all(_alive(part, rules) for part in parts) for parts in self.alternatives)


def _alive(part: "str | _Body | None", rules: set[str]) -> bool:
    return part.alive(rules) if isinstance(part, _Body) else part in rules


def produces(printed: str, alphabet: Alphabet) -> bool:
    """Return whether the grammar's root can be finished with the characters of an alphabet.

    Raises:
        UnreadableGrammar: if that can't be told.
    """
    bodies = {}
    for line in filter(str.strip, printed.split("\n")):
        name, separator, body = line.partition(" ::= ")
        if not separator:
            raise UnreadableGrammar(line)
        bodies[name] = _read(body, alphabet)
    return "root" in _living(bodies)


def _living(bodies: dict[str, _Body]) -> set[str]:
    living: set[str] = set()
    order, before = list(bodies), -1
    while len(living) > before:
        before = len(living)
        # Rules are printed before those that they use, or after them: one of the two ways is short.
        order.reverse()
        living.update(name for name in order if name not in living and bodies[name].alive(living))
    return living


def _read(body: str, alphabet: Alphabet) -> _Body:
    pieces = _pieces(body)
    read = _alternatives(pieces, alphabet)
    if next(pieces, None) is not None:
        raise UnreadableGrammar(body)
    return read


def _pieces(body: str) -> Iterator[tuple[str, str]]:
    for found in _PIECE.finditer(body):
        if found.lastgroup == "other":
            raise UnreadableGrammar(body)
        if found.lastgroup is not None and found.lastgroup != "space":
            yield found.lastgroup, found.group()


def _alternatives(pieces: Iterator[tuple[str, str]], alphabet: Alphabet) -> _Body:
    """Read up to the parenthesis that closes, or to the end."""
    alternatives: list[tuple[str | _Body | None, ...]] = []
    parts: list[str | _Body | None] = []
    for kind, piece in pieces:
        if piece == ")":
            break
        if piece == "|":
            alternatives.append(tuple(parts))
            parts = []
        elif piece == "(":
            parts.append(_alternatives(pieces, alphabet))
        elif kind == "ahead":
            _alternatives(pieces, alphabet)
        elif kind == "times":
            if piece in ("*", "?") or piece.startswith("{0,"):
                parts.pop()
        elif kind == "name":
            parts.append(piece)
        elif kind != "mark" and not _spelled(kind, piece[1:-1], alphabet):
            parts.append(None)
        elif kind != "mark":
            parts.append(_Body(((),)))
    return _Body((*alternatives, tuple(parts)))


def _spelled(kind: str, inside: str, alphabet: Alphabet) -> bool:
    if kind == "set":
        return _some(inside, alphabet)
    return alphabet is None or all(_character(found) in alphabet for found in _CHARACTER.finditer(inside))


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(int(code, 16))
    return _ESCAPES.get(found[4], found[4]) if found[4] else found[5]


def _some(inside: str, alphabet: Alphabet) -> bool:
    """Return whether some character of a set such as `^a-z0` is spelled."""
    ranges = list(_ranges(inside.removeprefix("^")))
    if inside.startswith("^"):
        ranges = list(_others(ranges))
    if alphabet is None:
        return bool(ranges)
    return any(low <= ord(character) <= high for character in alphabet for low, high in ranges)


def _others(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges between those given."""
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            yield start, low - 1
        start = max(start, high + 1)
    if start <= sys.maxunicode:
        yield start, sys.maxunicode


def _ranges(inside: str) -> Iterator[tuple[int, int]]:
    found = list(_CHARACTER.finditer(inside))
    at = 0
    while at < len(found):
        low = ord(_character(found[at]))
        if at + 2 < len(found) and found[at + 1].group() == "-":
            yield low, ord(_character(found[at + 2]))
            at += 3
        else:
            yield low, low
            at += 1
