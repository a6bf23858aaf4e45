"""The family `sums`: a running sum of numbers added and taken away, or a single product.

All or nothing: before its end the thinking knows only a part of the answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.base import Finding, Kind, Piece, guess_at, is_one_of
from anytime_training.problems.tasks.expressions import (
    MAX_TERM,
    SIGNS,
    Expression,
    parse_expression,
    sample_expression,
)
from anytime_training.problems.tasks.manner import Manner, Verbosity
from anytime_training.problems.tasks.phrasing import COURTESIES, cased, courteous
from anytime_training.problems.tasks.style import STYLE, Style

MAX_TERMS = 12
_ASKED = re.compile(
    rf"(?:(?:{'|'.join(COURTESIES)})\s+)?(?:what\s+is\s+|how\s+much\s+is\s+|compute\s+|calculate\s+)?(?:the\s+)?"
    r"(?P<list>(?:sum\s+of|total\s+of|add)\s+)?(?P<terms>\d.*?)(?:\s*=)?(?:\s+please)?[?.!\s]*",
    re.IGNORECASE | re.DOTALL,
)
_LISTED = re.compile(r"\s*(?:,\s*(?:and\s+)?|\s+and\s+)\s*")
_TERM = re.compile(r"\s*([-+−]?)\s*(\d{1,2})\s*(?=[-+−]|$)")  # noqa: RUF001 (what users type)


@dataclass(frozen=True, slots=True)
class SumProblem:
    """Add up `terms`, each with its sign; no partial sum is negative. `product` is set for a single product."""

    prompt: str
    terms: tuple[int, ...] = ()
    product: Expression | None = None
    family: str = "sums"

    @property
    def answers(self) -> tuple[str, ...]:
        """The total."""
        return (str(self.product.value if self.product else sum(self.terms)),)

    def accepts(self, value: str) -> bool:
        """Whether a value is the total."""
        return is_one_of(value, self.answers)

    def guess(self) -> Finding:
        """The right value, said as a guess."""
        return guess_at(self.answers[0])

    def think(self, rng: Random, style: Style = STYLE) -> Iterator[Piece]:
        """Add up the terms one by one, in their order."""
        manner = Manner.sample(rng, style)
        if self.product is not None:
            value = self.product.value
            yield from manner.filler(rng)
            yield Piece(f"{self.product.text}=")
            yield Piece(str(value), Kind.RESULT, _found(value))
            yield Piece("\n")
            return
        total = self.terms[0]
        for position, term in enumerate(self.terms[1:]):
            yield from manner.filler(rng)
            before, total = total, total + term
            step = f"{term:+d}" if manner.verbosity is Verbosity.TERSE and position else f"{before}{term:+d}"
            equals = " is " if manner.verbosity is Verbosity.VERBOSE else "="
            if manner.verbosity is Verbosity.VERBOSE and position:
                yield Piece("then ")
            yield Piece(step, Kind.CHOICE)
            yield Piece(f"{equals}{total}", Kind.RESULT, _found(total))
            yield Piece("\n")
            yield from manner.recheck(rng, [(f"{before}{term:+d}", str(total))])
        if manner.concludes:
            yield Piece("done, sum ", Kind.CHOICE)
            yield Piece(str(total), Kind.RESULT)
            yield Piece("\n")


@dataclass(frozen=True, slots=True)
class Sums:
    """The family."""

    name: str = "sums"

    def sample(self, rng: Random, count: tuple[int, int]) -> SumProblem:
        """Draw a sum of `count[0]` to `count[1]` terms, at times a single product."""
        if rng.random() < 0.15:
            product = sample_expression(rng, 4, 144, ("*",))
            sign = rng.choices("*x×", [70, 15, 15])[0]  # noqa: RUF001
            space = rng.choice(["", " "])
            body = f"{product.left}{space}{sign}{space}{product.right}"
            return SumProblem(_worded(rng, body), product=product)
        terms = _terms(rng, rng.randint(*count))
        if min(terms) > 0 and rng.random() < 0.15:
            items = ", ".join(str(term) for term in terms[:-1])
            line = rng.choice(["sum of {}, {}", "add {} and {}", "the sum of {} and {}", "total of {}, {}"])
            return SumProblem(cased(rng, courteous(rng, line.format(items, terms[-1]))), terms)
        gap = " " if rng.random() < 0.2 else ""
        signed = "".join(f"{gap}{'-' if term < 0 else '+'}{gap}{abs(term)}" for term in terms[1:])
        return SumProblem(_worded(rng, f"{terms[0]}{signed}"), terms)

    def parse(self, line: str) -> SumProblem | None:
        """Read `12+7+25+9`, `what is 40-12+3?`, `sum of 12, 7, 25`, `9*8`."""
        match = _ASKED.fullmatch(line.strip())
        if match is None:
            return None
        body = match["terms"]
        product = parse_expression(body)
        if product is not None and product.op == "*" and not match["list"]:
            return SumProblem(line, product=product)
        terms = _listed(body) if match["list"] and "+" not in body else _chained(body)
        return SumProblem(line, terms) if terms and _learned(terms) else None


def _terms(rng: Random, count: int) -> tuple[int, ...]:
    minus = rng.choice([0.0, 0.0, 0.0, 0.4])
    high = rng.choice([9, 30, MAX_TERM, MAX_TERM])
    terms = [rng.randint(1, high)]
    while len(terms) < count:
        term, total = rng.randint(1, high), sum(terms)
        terms.append(-term if rng.random() < minus and term <= total else term)
    return tuple(terms)


def _worded(rng: Random, body: str) -> str:
    words = ["{}", "{}=", "what is {}", "what is {}?", "compute {}", "calculate {}", "how much is {}"]
    line = rng.choices(words, [55, 7, 12, 8, 6, 6, 6])[0].format(body)
    return cased(rng, line)


def _listed(body: str) -> tuple[int, ...] | None:
    parts = _LISTED.split(body.strip())
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else None


def _chained(body: str) -> tuple[int, ...] | None:
    terms: list[int] = []
    position = 0
    while position < len(body):
        match = _TERM.match(body, position)
        if match is None or (terms and not match[1]):
            return None
        terms.append(int(SIGNS.get(match[1], "") + match[2]))
        position = match.end()
    return tuple(terms)


def _learned(terms: tuple[int, ...]) -> bool:
    partial = [sum(terms[: end + 1]) for end in range(len(terms))]
    return 2 <= len(terms) <= MAX_TERMS and all(1 <= abs(term) <= MAX_TERM for term in terms) and min(partial) >= 0


def _found(total: int) -> Finding:
    return Finding(str(total), f"The result is {total}.", f"The result so far is {total}.")


SUMS = Sums()
