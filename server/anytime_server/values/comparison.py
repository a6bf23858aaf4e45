"""Whether two values are the same, in time linear in their length."""

import re
from dataclasses import dataclass

from anytime_server.values.markup import unwrapped
from anytime_server.values.notation import tightened, unified
from anytime_server.values.numbers import Number, read_number, same_number

MAX_LENGTH = 1000
"""Characters of the longest value that is read; longer ones are compared as they stand, but for spaces and case."""

MAX_MATHEMATICS = 300
"""Characters of the longest value that is worth a deeper comparison."""

_ASSIGNED = re.compile(r"(\\?[A-Za-z](?:_\w|_\{\w+\})?)\s*=([^=<>≤≥≠]+)")
_OPTION = re.compile(r"\(([A-Za-z])\)|([A-Za-z])\)")
_WORD = re.compile(r"(?:(?<=[\s(\[,;\"'])|^)[^\W\d_]{2,}(?=[\s)\],;:.?!\"'-]|$)")
"""Letters that stand alone. In `2xy` and `xy+1` they are factors."""

_MATHS = re.compile(r"[\d\\^=+*/<>≤≥π∞√|]|[A-Za-z]")
_NAMES = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log", "ln"}
    | {"lg", "lim", "max", "min", "gcd", "lcm", "det", "sqrt", "pi", "mod", "and", "or", "in", "frac"}
)
"""Words that mathematics is written with."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as it is compared: the variable that it is assigned to, a number, and the text in one notation."""

    name: str
    number: Number | None
    text: str


def same_value(first: str | None, second: str | None) -> bool:
    """Whether two values are the same number, or the same text but for notation, spaces and the final stop.

    Letter case does not matter in words; it does in mathematics. Nothing is the same as no value.
    """
    if first is None or second is None:
        return False
    if first == second:
        return True
    one, other = read(first), read(second)
    if one.name and other.name and one.name != other.name:
        return False
    if one.number is not None and other.number is not None:
        return same_number(one.number, other.number)
    return one.number is None and other.number is None and one.text == other.text


def may_be_equal(first: str | None, second: str | None) -> bool:
    """Whether `same_value` holds two values for different, and it is worth asking `mathematics` about them.

    That of two plain numbers is not: they are compared exactly already.
    """
    if not (is_mathematics(first) and is_mathematics(second)) or first is None or second is None:
        return False
    if read(first).number is not None and read(second).number is not None:
        return False
    return not same_value(first, second)


def read(value: str) -> Reading:
    """Read a value."""
    if len(value) > MAX_LENGTH:
        return Reading("", None, " ".join(value.split()).casefold())
    text, name = unified(unwrapped(value)).strip('"').strip(), ""
    if assigned := _ASSIGNED.fullmatch(text):
        name, text = assigned[1], assigned[2].strip()
    if option := _OPTION.fullmatch(text):
        text = option[1] or option[2]
    number = read_number(text)
    return Reading(name, number, tightened(text.casefold() if _is_words(text) else text))


def is_mathematics(value: str | None) -> bool:
    """Whether a deeper comparison can find more in a value than `same_value` does.

    Words, enumerations with dots and what is too long are compared as text alone. A number with a unit is mathematics.
    """
    if value is None or len(value) > MAX_MATHEMATICS or "..." in (text := unified(unwrapped(value))):
        return False
    return _MATHS.search(text) is not None and (not _is_words(text) or text[0].isdigit())


def is_prose(value: str) -> bool:
    """Whether a value is a sentence, which may hold another value, and no number with its unit."""
    text = unified(unwrapped(value))
    return bool(words_of(text)) and not text[0].isdigit()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in the notation of `unified` that are no names of mathematics."""
    return tuple(word.casefold() for word in _WORD.findall(text) if word.casefold() not in _NAMES)


def unit_of(text: str) -> str:
    """What follows the number in a text like `12 cm`, in the notation of `unified`; else its words."""
    number, _, rest = text.partition(" ")
    if rest[:1].isalpha() and read_number(number) is not None:
        return rest.casefold()
    return " ".join(words_of(text))


def _is_words(text: str) -> bool:
    """Whether a text is words, with numbers perhaps, and no formula."""
    return bool(words_of(text)) or (len(text) == 1 and text.isalpha())
