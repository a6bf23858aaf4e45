"""Rules as one line of text, as they are written on a command line: `every:500`, `stable:3,confidence:0.9`."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

CHECKPOINT_FORMS = "250,500 | every:250 | count:4 | geometric:2 | none"
STOP_WHEN_FORMS = (
    "stable:3 | confidence:0.9 | consensus:0.75 | risk:0.05 | give_up:0.02 | loop | match:REGEX | "
    "several, with commas, match last | none"
)
NONE = "none"
CHECKPOINTS_PATTERN = r"^(none|(every|count):[1-9][0-9]?|geometric:[2-9]|[0-9]{1,6}(,[0-9]{1,6})*)$"
STOP_WHEN_PATTERN = r"^(none|stable:[2-9]|(confidence|risk|give_up):0\.[0-9]?[1-9]|loop)$"
"""Texts of these forms, for a JSON schema: not all of them, but none that is of another form."""

SAFE_DIGITS = 18
"""Longer numbers are no lengths of anything, and Python takes long to read very long ones."""


def read_checkpoints(text: str) -> list[int] | dict[str, float]:
    """Return the thinking lengths, or the rule, that `text` writes.

    Raises:
        ValueError: if it is none of the forms.
    """
    try:
        if text.strip() == NONE:
            return []
        if ":" not in text:
            return [_whole(part) for part in text.split(",")]
        (name, number), *more = _pairs(text)
        if not more:
            return {name: {"every": _whole, "count": _whole, "geometric": _number}[name](number)}
    except (KeyError, ValueError):
        pass
    raise ValueError(f"{_shown(text)} is none of {CHECKPOINT_FORMS}, nor a list or a rule")


def read_stop_when(text: str) -> dict[str, float | str] | None:
    """Return the rules that `text` writes; None for none.

    Raises:
        ValueError: if it is none of the forms.
    """
    if text.strip() == NONE:
        return None
    try:
        pairs = _stop_rules(text)
        rules = {name: READERS[name](value) for name, value in pairs}
        if len(rules) == len(pairs):
            return rules
    except (KeyError, ValueError):
        pass
    raise ValueError(f"{_shown(text)} is none of {STOP_WHEN_FORMS}, nor rules by name")


def _stop_rules(text: str) -> list[tuple[str, str]]:
    """The rules by name. A pattern is all that follows its name: commas and colons are its own."""
    match = re.search(r"(^|,)\s*match:", text)
    if match is None:
        return _pairs(text)
    others = _pairs(text[: match.start()]) if match.start() else []
    return [*others, ("match", text[match.end() :])]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition(":") for part in text.split(",")]
    return [(name.strip(), number) for name, _, number in pairs]


def _whole(text: str) -> int:
    if len(text.strip()) > SAFE_DIGITS:
        raise ValueError
    return int(text)


def _nothing(text: str) -> Literal[True]:
    if text:
        raise ValueError
    return True


def _number(text: str) -> float:
    return float(text)


READERS: Mapping[str, Callable[[str], float | str]] = {
    "stable": _whole,
    "confidence": _number,
    "consensus": _number,
    "risk": _number,
    "give_up": _number,
    "loop": _nothing,
    "match": str,
}
"""What the rules that end thinking are read by."""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
