"""The trials of `countdown`: expressions that use each of three numbers once, and what an expression says."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import permutations, product

from anytime_training.problems.tasks.expressions import MAX_NUMBER

MAX_TEXT = 60
"""Characters of the longest expression that is read."""
_SIGNS = str.maketrans("×x−÷", "**-/")  # noqa: RUF001 (what users type)
_WRITTEN = re.compile(r"[\d+\-*/() ]+")
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_GENERIC = (Fraction(1009), Fraction(10007), Fraction(100003))
"""Numbers for which two expressions have the same value only if they always have."""


@dataclass(frozen=True, slots=True)
class Trial:
    """An expression of three numbers; `step` is what is left of it once its inner part is worked out."""

    text: str
    step: str
    value: int


@lru_cache(maxsize=4096)
def trials(numbers: tuple[int, int, int]) -> tuple[Trial, ...]:
    """All trials within what the model learns, one of those that say the same, such as `a+b-c` and `a-c+b`.

    Both steps have whole values from 1 to 199.
    """
    found: dict[Fraction, Trial] = {}
    for order in permutations(range(3)):
        for first, second, reverse in product("+-*/", "+-*/", (False, True)):
            trial = _trial([numbers[place] for place in order], first, second, reverse)
            if trial is not None:
                a, b, c = (_GENERIC[place] for place in order)
                inner = _apply(a, first, b)
                found.setdefault(_apply(c, second, inner) if reverse else _apply(inner, second, c), trial)
    return tuple(found.values())


def same_trial(written: str, right: str) -> bool:
    """Whether an expression uses the numbers of a right one, each once, and has its value."""
    reading = read_trial(written)
    return reading is not None and reading == read_trial(right)


def read_trial(text: str) -> tuple[Fraction, list[int]] | None:
    """The value of an expression with `+ - * /` and parentheses, and its numbers, sorted; None if it is no such."""
    written = text.strip().translate(_SIGNS)
    if len(written) > MAX_TEXT or not _WRITTEN.fullmatch(written):
        return None
    try:
        body = ast.parse(written, mode="eval").body
        return _value(body), sorted(_numbers(body))
    except (SyntaxError, _UnreadableError, ZeroDivisionError):
        return None


class _UnreadableError(Exception):
    """Something else than the four operations on whole numbers."""


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _apply(_value(node.left), _OPERATORS[type(node.op)], _value(node.right))
    raise _UnreadableError


def _numbers(node: ast.expr) -> Iterator[int]:
    return (item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, int))


def _apply(left: Fraction, sign: str, right: Fraction) -> Fraction:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right


def _trial(numbers: Sequence[int], first: str, second: str, reverse: bool) -> Trial | None:
    """`(a first b) second c`, or `c second (a first b)` in reverse; None beyond what the model learns."""
    a, b, c = numbers
    inner = _learned(a, first, b)
    if inner is None:
        return None
    left, right = (c, inner) if reverse else (inner, c)
    value = _learned(left, second, right)
    if value is None:
        return None
    part = f"{a}{first}{b}" if _is_bare(first, second, reverse) else f"({a}{first}{b})"
    text = f"{c}{second}{part}" if reverse else f"{part}{second}{c}"
    return Trial(text, f"{left}{second}{right}", value)


def _is_bare(first: str, second: str, reverse: bool) -> bool:
    """Whether the inner operation needs no parentheses: it binds closer, or stands first among equals."""
    closer = first in "*/" and second in "+-"
    equals = (first in "*/") == (second in "*/")
    return closer or (equals and not reverse)


def _learned(left: int, sign: str, right: int) -> int | None:
    if sign == "/" and left % right:
        return None
    value = int(_apply(Fraction(left), sign, Fraction(right)))
    return value if 1 <= value <= MAX_NUMBER else None
