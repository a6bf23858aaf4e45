r"""Numbers as people write them, exactly.

`1,234`, `$5`, `50 %`, `-\frac{1}{2}`, `1 1/2`, `1.5e3`, `2 \times 10^{-3}`. Only groups of three digits are
thousands: `1,2` and `0,5` are no numbers here, they may be pairs.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 1000
"""Longer numbers are compared as text: Python refuses to read very long ones."""

MAX_EXPONENT = 1000
ROUNDED_DIGITS = 6
"""A decimal with so many digits may stand for what it is the beginning of, or rounded to: 0.333333 for 1/3."""

_WHOLE = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)"
_DECIMAL = re.compile(
    rf"(?P<whole>{_WHOLE})?(?:\.(?P<places>\d*))?"
    r"(?:[eE](?P<e>[+-]?\d{1,4})|\s*(?:\\times|\\cdot|\u00d7|\u00b7|\*)\s*10\^(?:\{\s*)?(?P<ten>[+-]?\d{1,4})(?:\s*\})?)?"
)
_RATIO = re.compile(
    rf"(?:(?P<mixed>\d+)(?:\s+|(?=\\)))?"
    rf"(?:(?P<over>{_WHOLE})\s*/\s*(?P<under>{_WHOLE})"
    rf"|\\frac\s*(?:\{{\s*(?P<top>[+-]?{_WHOLE})\s*\}}|(?P<t>\d))\s*(?:\{{\s*(?P<bottom>[+-]?{_WHOLE})\s*\}}|(?P<b>\d)))"
)
_AMOUNT = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<before>[$€£¥]?)\s*(?P<inner>[+-]?)(?P<number>.*?)\s*(?P<after>[€£¥]|%|percent|)"
)


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number. `places` are the digits after its point, None without one; `digits` the significant ones."""

    amount: Fraction
    unit: str = ""
    places: int | None = None
    digits: int = 0

    @property
    def may_be_rounded(self) -> bool:
        """Whether it has digits enough after its point to stand for another number."""
        return bool(self.places) and self.digits >= ROUNDED_DIGITS


def read_number(text: str) -> Number | None:
    """Read a number in the notation of `unified`; None if the text is anything else."""
    if len(text) > MAX_DIGITS:
        return None
    parts = _AMOUNT.fullmatch(text)
    if parts is None or (parts["sign"] and parts["inner"]) or (parts["before"] and parts["after"]):
        return None
    number = _ratio(parts["number"]) or _decimal(parts["number"])
    if number is None:
        return None
    unit = parts["before"] or parts["after"].replace("percent", "%")
    negative = "-" in (parts["sign"], parts["inner"])
    return Number(-number.amount if negative else number.amount, unit, number.places, number.digits)


def same_number(first: Number, second: Number) -> bool:
    """Whether two numbers are the same.

    A percentage is its fraction of one and its bare number too: 50 % is 0.5, and 50. A currency that only one of them
    names does not matter.
    """
    if first.unit == second.unit:
        return _same_amount(first, second)
    if first.unit and second.unit:
        return False
    with_unit, bare = (first, second) if first.unit else (second, first)
    hundredth = Number(with_unit.amount / 100)
    return _same_amount(with_unit, bare) or (with_unit.unit == "%" and _same_amount(hundredth, bare))


def stands_for(decimal: Number, exact: Fraction) -> bool:
    """Whether a decimal is `exact` rounded, or cut, to its places."""
    if not decimal.may_be_rounded or decimal.places is None:
        return False
    scale = 10**decimal.places
    written, whole = abs(decimal.amount) * scale, abs(exact) * scale
    return (decimal.amount < 0) == (exact < 0) and (written == whole // 1 or abs(written - whole) <= Fraction(1, 2))


def _same_amount(first: Number, second: Number) -> bool:
    if first.amount == second.amount:
        return True
    if first.places is not None and second.places is not None:
        coarse, fine = sorted((first, second), key=lambda number: number.places or 0)
        return coarse.places != fine.places and stands_for(coarse, fine.amount)
    return stands_for(first, second.amount) or stands_for(second, first.amount)


def _ratio(text: str) -> Number | None:
    parts = _RATIO.fullmatch(text)
    if parts is None:
        return None
    over, under = (parts[a] or parts[b] or parts[c] for a, b, c in (("over", "top", "t"), ("under", "bottom", "b")))
    if not _integer(under):
        return None
    return Number(int(parts["mixed"] or 0) + Fraction(_integer(over), _integer(under)))


def _decimal(text: str) -> Number | None:
    parts = _DECIMAL.fullmatch(text)
    if parts is None or not (parts["whole"] or parts["places"]):
        return None
    exponent = int(parts["e"] or parts["ten"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    whole, places = str(_integer(parts["whole"] or "0")), parts["places"]
    amount = Fraction(int(whole + (places or ""))) / 10 ** len(places or "")
    digits = len((whole + (places or "")).lstrip("0"))
    return Number(amount * Fraction(10) ** exponent, "", None if places is None or exponent else len(places), digits)


def _integer(text: str) -> int:
    return int(text.replace(",", ""))
