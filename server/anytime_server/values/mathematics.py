r"""Whether two values are equal as mathematics, by math-verify, where it is installed.

It knows that `\sqrt{8}` is `2\sqrt{2}`, but it rounds what is small to nothing and multiplies the letters of words. So
words and enumerations with dots are compared as text before, numbers exactly here, and what it calls equal is looked at
again.

It can take for ever (`9^{9^{9^{9}}}`), and its own time limits need the main thread and are off: call it in a process
that can be killed.
"""

import importlib
import importlib.util
import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any

from anytime_server.values.comparison import same_value, unit_of, words_of
from anytime_server.values.markup import unwrapped
from anytime_server.values.notation import as_latex, unified
from anytime_server.values.numbers import read_number, stands_for

COMPARISON_S = 2.0
"""One comparison may take so long; one that takes longer counts as different."""

PRECISION = 60
"""Digits to which exact expressions are worked out."""

EXACT, ROUNDED = 1e-45, 1e-5
"""Relative differences that are none: between exact expressions, and where one holds a decimal."""


def is_installed() -> bool:
    """Whether math-verify can be imported."""
    return importlib.util.find_spec("math_verify") is not None


def load() -> ModuleType:
    """Import math-verify, which takes a second, and keep it from logging each answer that it can't read."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return importlib.import_module("math_verify")


def comparer() -> Callable[[str, str], bool]:
    """In a process of its own: import all that math-verify needs, which a first comparison does, and return `equal`."""
    equal("x+x", "2x")
    return equal


def equal(first: str, second: str) -> bool:
    """Whether two values are equal, whichever comes first."""
    return equals(first, second) or equals(second, first)


def equals(accepted: str, value: str) -> bool:
    """Whether a value equals an accepted one; a unit that only one of them names does not matter.

    Raises:
        ValueError: if the accepted value can't be read.
    """
    if not accepted.strip():
        raise ValueError("an accepted value is empty")
    if same_value(accepted, value):
        return True
    wanted, given = unified(unwrapped(accepted)), unified(unwrapped(value))
    if _is_text(wanted) or _is_text(given):
        return False
    if (unit := unit_of(wanted)) and (other := unit_of(given)) and unit != other:
        return False
    return _agree(_readable(accepted), _read(value), wanted, given)


def found_in(accepted: str, text: str) -> bool:
    """Whether math-verify, searching a text for its last value, finds one that equals an accepted value.

    Raises:
        ValueError: if the accepted value can't be read.
    """
    wanted = unified(unwrapped(accepted))
    if _is_text(wanted):
        return False
    found = _parsed(text)
    written = next((item for item in found if isinstance(item, str)), "")
    return _agree(_readable(accepted), found, wanted, unified(written))


def _readable(accepted: str) -> list[Any]:
    parsed = _read(accepted)
    if not parsed:
        raise ValueError(f"math-verify can't read the accepted value {accepted!r}")
    return parsed


def _read(value: str) -> list[Any]:
    """A value as `_parsed` gives it, read as a whole."""
    text = unwrapped(value)
    number = read_number(unified(text))
    if number is not None and not number.unit:
        # Better than math-verify, for which 1e3 is a product with e in it.
        return [importlib.import_module("sympy").Rational(number.amount)]
    return _parsed(f"\\boxed{{{text}}}")


def _parsed(text: str) -> list[Any]:
    """What math-verify reads: an expression of sympy and the text that it read it from; nothing if there is nothing."""
    return list(load().parse(as_latex(text), parsing_timeout=None))


def _is_text(unified_value: str) -> bool:
    """Whether a value is compared as text alone: words without a number, or an enumeration with dots."""
    return "..." in unified_value or (bool(words_of(unified_value)) and not any(map(str.isdigit, unified_value)))


def _agree(accepted: Sequence[Any], found: Sequence[Any], wanted: str, given: str) -> bool:
    gold, target = (next((item for item in items if not isinstance(item, str)), None) for items in (accepted, found))
    if gold is None or target is None:
        return False
    if _is_amount(gold) and _is_amount(target):
        return _same_amount(gold, target, wanted, given)
    return bool(load().verify(gold, target, timeout_seconds=None)) and not _differ(gold, target)


def _is_amount(item: Any) -> bool:
    return bool(getattr(item, "is_number", False)) and hasattr(item, "evalf") and not hasattr(item, "shape")


def _same_amount(gold: Any, target: Any, wanted: str, given: str) -> bool:
    """Whether two numbers are the same; a decimal of enough digits is what it is rounded from."""
    if (gap := _gap(gold, target)) is not None and gap <= EXACT:
        return True
    for written, other in ((wanted, target), (given, gold)):
        decimal = read_number(written)
        if decimal is not None and (amount := _fraction(other)) is not None and stands_for(decimal, amount):
            return True
    return False


def _fraction(number: Any) -> Fraction | None:
    """A real number to `PRECISION` digits."""
    value = _exact(number).evalf(PRECISION)
    return Fraction(str(value)) if value.is_Float or value.is_Integer else None


def _exact(expression: Any) -> Any:
    """An expression with its decimals as the fractions that they are written as."""
    sympy = importlib.import_module("sympy")
    decimals = {number: sympy.Rational(str(number)) for number in expression.atoms(sympy.Float)}
    return expression.xreplace(decimals).doit()


def _gap(first: Any, second: Any) -> float | None:
    """How far apart two expressions are, relative to the larger one, their symbols set to some numbers.

    None if that can't be told.
    """
    sympy = importlib.import_module("sympy")
    one, other = _exact(first), _exact(second)
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    point = {symbol: sympy.Rational(2 * index + 7, 5) for index, symbol in enumerate(symbols)}
    one, other = one.subs(point), other.subs(point)
    if one.is_infinite or other.is_infinite:
        return 0.0 if one == other else 1.0
    gap, *sides = (abs(item.evalf(PRECISION)) for item in (one - other, one, other))
    if not all(item.is_comparable for item in (gap, *sides)):
        return None
    scale = max(sides)
    return float(gap / scale) if scale else 0.0


def _differ(gold: Any, target: Any) -> bool:
    """Whether two things that math-verify calls equal are not: somewhere in them numbers are far apart."""
    sympy = importlib.import_module("sympy")
    if isinstance(gold, sympy.FiniteSet) and isinstance(target, sympy.FiniteSet):
        return any(all(_differ(one, other) for other in target.args) for one in gold.args)
    pairs = _pairs(gold, target)
    if pairs:
        return any(_differ(one, other) for one, other in pairs)
    if not (isinstance(gold, sympy.Expr) and isinstance(target, sympy.Expr)):
        return False
    tolerance = ROUNDED if gold.has(sympy.Float) or target.has(sympy.Float) else EXACT
    return (gap := _gap(gold, target)) is not None and gap > tolerance


def _pairs(gold: Any, target: Any) -> list[tuple[Any, Any]]:
    """The parts of two things that belong together: of tuples, intervals, matrices, and relations about one thing."""
    sympy = importlib.import_module("sympy")
    if isinstance(gold, sympy.Interval) and isinstance(target, sympy.Interval):
        return [(gold.start, target.start), (gold.end, target.end)]
    if isinstance(gold, sympy.MatrixBase) and isinstance(target, sympy.MatrixBase):
        return list(zip(gold.flat(), target.flat(), strict=False))
    if isinstance(gold, sympy.Rel) and isinstance(target, sympy.Rel):
        return [(gold.rhs, target.rhs)] if gold.lhs == target.lhs else []
    if isinstance(gold, sympy.Tuple) and isinstance(target, sympy.Tuple):
        return list(zip(gold.args, target.args, strict=False))
    return []
