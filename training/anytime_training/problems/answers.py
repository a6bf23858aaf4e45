r"""What a row accepts as its answer.

A field holds the value itself, or a worked solution with the value in its last `\boxed{}` or after its last `####`.
Where the source does not say which, the rows tell.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

from anytime_server.values import last_boxed

AnswerIn = Literal["text", "boxed", "hashes"]
r"""Where a field holds the answer: the whole text, the last `\boxed{}`, or what follows the last `####`."""

HASHES = "####"
MAX_TEXT = 200
"""Characters of the longest solution that is taken for a bare value."""

_logger = logging.getLogger(__name__)


def accepted(value: object, answer_in: AnswerIn) -> list[str]:
    """The accepted values of a field; none if one of them is empty or no text."""
    items = value if isinstance(value, list | tuple) else [value]
    texts = [text for item in items if (text := _value(item, answer_in))]
    return texts if len(texts) == len(items) else []


def find_answers(fields: Iterable[Any], name: str) -> AnswerIn:
    """Look at the fields of all rows for where they hold the answer.

    A field named `solution` is expected to hold a worked solution; if it holds none, it must be short to be the value.

    Raises:
        ValueError: if it is not, saying what to do, after the place of the field.
    """
    texts = [text for field in fields for text in (field if isinstance(field, list) else [field]) if _is_text(text)]
    ways: tuple[AnswerIn, ...] = ("boxed", "hashes")
    counts = {way: sum(_value(text, way) is not None for text in texts) for way in ways}
    for way in ways:
        if texts and counts[way] == len(texts):
            return way
    if name.rpartition(".")[2] == "solution":
        return _in_solutions(texts, counts)
    for way, count in counts.items():
        if count:
            _logger.warning(
                "%d of %d answers in the field %r hold a value in %s, and the others do not; all are taken as they "
                "stand: set answer_in: %s, or mend the rows",
                *(count, len(texts), name, {"boxed": r"a \boxed{}", "hashes": HASHES}[way], way),
            )
    return "text"


def _in_solutions(texts: Sequence[str], counts: dict[AnswerIn, int]) -> AnswerIn:
    most = max(counts, key=lambda way: counts[way])
    if counts[most]:
        return most
    if any(len(text) > MAX_TEXT or "\n" in text.strip() for text in texts):
        raise ValueError(
            rf"holds whole solutions without a \boxed{{}} or {HASHES}; name the field with the answers with the key "
            "'answer', or set answer_in: text to take the solutions themselves for the values"
        )
    return "text"


def _value(item: object, answer_in: AnswerIn) -> str | None:
    if isinstance(item, int | float) and not isinstance(item, bool):
        return _number(item)
    if not isinstance(item, str):
        return None
    if answer_in == "boxed":
        return last_boxed(item)
    if answer_in == "hashes":
        return item.rpartition(HASHES)[2].strip() or None if HASHES in item else None
    return item.strip()


def _number(number: int | float) -> str | None:
    """A number as a person writes it: 0.5, 1000 and not 1e3, 0.0000001 and not 1e-07."""
    if isinstance(number, int) or not math.isfinite(number):
        return str(number) if isinstance(number, int) else None
    return str(int(number)) if number.is_integer() else format(Decimal(repr(number)), "f")


def _is_text(item: object) -> bool:
    return isinstance(item, str) and bool(item.strip())
