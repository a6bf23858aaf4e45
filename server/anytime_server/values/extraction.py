r"""The value in an answer.

It is looked for in what follows the last cue, else in all of the answer. The last `\boxed{}` there is the value,
whatever else it says; a box that is not closed means that there is none. Without a box it is what follows the last
announcement (`The answer is 12.`, `**Answer:** 12`, `#### 12`), and after a cue the first line that says something.
Lines are read without their dress, see `lines` and `markup`.
"""

import re

from anytime_server.values.boxes import has_box, last_boxed
from anytime_server.values.lines import meaningful_lines
from anytime_server.values.markup import undressed
from anytime_server.values.notation import unified
from anytime_server.values.numbers import read_number

_CUE_LINE = re.compile(r"^[ \t>#*_]{0,20}(?:the |my )?final answer[ \t*_:]{0,20}$", re.IGNORECASE | re.MULTILINE)
_ANNOUNCED = re.compile(
    r"\banswers?\b[\s*_`]{0,20}(?:[:=]|[^.:=\n]{0,60}?\b(?:is|are|was|equals|(?:must|should|would|will) be)\b"
    r"(?!\s+(?:clear|help|correct|right|use|wrong))"
    r"(?:\s+(?:as follows|given by|simply|therefore|thus|then|just|clearly|exactly|indeed))?[\s_]{0,20}:?)"
    r"\s{0,20}(?:[*_]{1,3}\s+)?"
    r"|\u7b54\u6848\s*(?:\u662f|\u4e3a|\u70ba|[:\uff1a])+\s*"
    r"|<(?:final_)?answer>"
    r"|^[ \t>#*_]{0,20}(?:the |my )?(?:final |correct |short )?answer[ \t*_:]{0,20}$"
    r"|^####\s+(?=[-+$\\]?[\d.])",
    re.IGNORECASE | re.MULTILINE,
)
"""What comes before a value, in English and in Chinese. An answer that `is correct` or `is helpful` announces none."""

_END = re.compile(
    r"(?:(?<=[\d)}\]$%*`])|(?<=[^\W\d_]{4}))[.!?]\**\s+(?=[A-Z(])"
    r"|,?\s+(?=because\b)|,\s+(?=(?:since|as|which|where|so)\b)"
)
"""Where the next sentence or a reason begins.

A short word before a dot may be an abbreviation (`Mr. Darcy`, `B. Paris`) and ends none.
"""


def after_cue(text: str, cue: str = "") -> str | None:
    """What follows the last cue, or the last line `**Final Answer**`; None without one, or if nothing follows."""
    mark = cue.strip()
    start = text.rfind(mark) + len(mark) if mark and mark in text else None
    if start is None:
        start = max((line.end() for line in _CUE_LINE.finditer(text)), default=len(text))
    return text[start:] if text[start:].strip() else None


def value_of(text: str, cue: str = "") -> str | None:
    """The value in a whole answer; None if it has none.

    Args:
        text: the answer, without the thinking.
        cue: what the model was made to write before the value, if it was; announcements in plain words are known.
    """
    if (tail := after_cue(text, cue)) is not None:
        return short_value(tail)
    if has_box(text):
        return last_boxed(text)
    start = _announced_from(text)
    return None if start is None else short_value(text[start:])


def short_value(text: str) -> str | None:
    """The value in a text that follows a cue, or in one that is nothing but an answer."""
    if has_box(text):
        return last_boxed(text)
    for line in meaningful_lines(text):
        if value := _value_in(line):
            return value
    return None


def is_bare(text: str) -> bool:
    """Whether a text begins with its value: it is one line, or its first line is a number."""
    lines = list(meaningful_lines(text))
    return len(lines) == 1 or (bool(lines) and read_number(unified(_value_in(lines[0]))) is not None)


def whole_value(text: str, cue: str = "") -> str:
    """The value in an answer that may say nothing after it; else all that the answer says."""
    tail = after_cue(text, cue) or text
    if has_box(tail):
        return last_boxed(tail) or ""
    tail = tail[_announced_from(tail) or 0 :]
    lines = [line for line in meaningful_lines(tail) if _value_in(line)]
    return undressed(lines[0]) if len(lines) == 1 else tail.strip()


def _announced_from(text: str) -> int | None:
    """Where the text after the last announcement begins, of those that something follows."""
    ends = [match.end() for match in _ANNOUNCED.finditer(text)]
    return next((end for end in reversed(ends) if text[end:].strip(" \n*_`.")), None)


def _after_announcement(line: str) -> str:
    ends = [match.end() for match in _ANNOUNCED.finditer(line)]
    return line[ends[-1] :] if ends else line


def _value_in(line: str) -> str:
    """What a line announces, or the line; its first sentence, without reasons."""
    rest = undressed(_after_announcement(line))
    end = _END.search(rest)
    return undressed(rest[: end.start()]) if end else rest
