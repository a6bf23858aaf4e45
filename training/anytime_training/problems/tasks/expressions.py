"""The candidates of selection problems: a small number, sum, difference or product."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

MAX_NUMBER = 199
MAX_TERM = 99
FACTORS = range(2, 13)
SIGNS = {"+": "+", "-": "-", "*": "*", "x": "*", "×": "*", "−": "-"}  # noqa: RUF001 (what users type)
OPERATORS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}

_EXPRESSION = re.compile(r"(\d{1,3})(?:\s*([-+*x×−])\s*(\d{1,3}))?")  # noqa: RUF001
_PRODUCTS: dict[int, list[tuple[int, int]]] = {}
for _left in FACTORS:
    for _right in FACTORS:
        _PRODUCTS.setdefault(_left * _right, []).append((_left, _right))


@dataclass(frozen=True, slots=True)
class Expression:
    """`left op right`, or just `left` where `op` is empty."""

    left: int
    op: str = ""
    right: int = 0

    @property
    def text(self) -> str:
        """As the thinking writes it, without spaces."""
        return f"{self.left}{self.op}{self.right}" if self.op else str(self.left)

    @property
    def value(self) -> int:
        """Its value."""
        return OPERATORS[self.op](self.left, self.right) if self.op else self.left

    @property
    def equation(self) -> str:
        """With its value, `9*8=72`; a plain number is just that."""
        return f"{self.text}={self.value}" if self.op else self.text

    @property
    def learned(self) -> bool:
        """Whether it is within what the model learns."""
        if not self.op:
            return self.left <= MAX_NUMBER
        if self.op == "*":
            return self.left in FACTORS and self.right in FACTORS
        return 1 <= self.left <= MAX_TERM and 1 <= self.right <= MAX_TERM and self.value >= 0


def parse_expression(text: str) -> Expression | None:
    """Read `37+48`, `9 x 8` or `77`; None if it is anything else or beyond what the model learns."""
    match = _EXPRESSION.fullmatch(text.strip())
    if match is None:
        return None
    left, sign, right = match.groups()
    expression = Expression(int(left), SIGNS[sign], int(right)) if sign else Expression(int(left))
    return expression if expression.learned else None


def sample_expression(rng: Random, low: int, high: int, ops: Sequence[str] = ("+", "-", "*", "")) -> Expression:
    """Draw an expression whose value lies in `low..high` where the operator allows it."""
    op = rng.choice(ops)
    value = rng.randint(low, high)
    if op == "+" and 2 <= value <= 2 * MAX_TERM:
        left = rng.randint(max(1, value - MAX_TERM), min(MAX_TERM, value - 1))
        return Expression(left, "+", value - left)
    if op == "-" and value < MAX_TERM:
        right = rng.randint(1, MAX_TERM - value)
        return Expression(value + right, "-", right)
    if op == "*" and (products := [product for product in _PRODUCTS if low <= product <= high]):
        left, right = rng.choice(_PRODUCTS[rng.choice(products)])
        return Expression(left, "*", right)
    return Expression(value)


def sample_distinct(rng: Random, count: int) -> list[Expression]:
    """Draw `count` expressions that differ as text, of widely or closely spread values, at times plain numbers."""
    low, high = _spread(rng)
    ops = ("",) if rng.random() < 0.08 else ("+", "+", "-", "-", "*", "*", "")
    found: dict[str, Expression] = {}
    while len(found) < count:
        expression = sample_expression(rng, low, high, ops)
        found.setdefault(expression.text, expression)
    return list(found.values())


def _spread(rng: Random) -> tuple[int, int]:
    kind = rng.random()
    if kind < 0.45:
        return 0, 198
    if kind < 0.75:
        return 0, 99
    low = rng.randint(5, 140)
    return low, low + 40
