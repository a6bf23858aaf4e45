"""A text as its meaningful lines.

Rules and blank lines are left out. What stands in a fence, in display maths or in a LaTeX environment is one line,
without what delimits it, however many lines it takes.
"""

import re
from collections.abc import Iterator

_RULE = re.compile(r"[-*_=~\s]{3,}|[-=]+")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_DISPLAYS = {"$$": "$$", r"\[": r"\]"}
_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}")


def meaningful_lines(text: str) -> Iterator[str]:
    """The lines of a text that say something, from the first one on."""
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.strip()
        if fence := _FENCE.match(line):
            line = _fenced(line, fence[1], lines)
        elif (opening := next((mark for mark in _DISPLAYS if _opens(line, mark)), None)) is not None:
            line = _gathered(line.partition(opening)[0], line.partition(opening)[2], _DISPLAYS[opening], lines)
        elif (begin := _ENVIRONMENT.search(line)) and f"\\end{{{begin[1]}}}" not in line:
            end = f"\\end{{{begin[1]}}}"
            line = f"{_gathered('', line, end, lines)} {end}"
        if line and not _RULE.fullmatch(line):
            yield line


def _opens(line: str, opening: str) -> bool:
    """Whether a line opens display maths that it does not close."""
    _, found, after = line.rpartition(opening)
    if opening == "$$":
        return bool(found) and line.count("$$") % 2 == 1
    return bool(found) and _DISPLAYS[opening] not in after


def _fenced(line: str, fence: str, lines: Iterator[str]) -> str:
    """What stands in a fence: the rest of its first line names a language, unless the fence ends there."""
    rest = line[len(fence) :]
    if fence in rest:
        return rest.partition(fence)[0].strip()
    content = []
    for inner in lines:
        if inner.strip().startswith(fence):
            break
        content.append(inner.strip())
    return " ".join(filter(None, content))


def _gathered(before: str, after: str, closing: str, lines: Iterator[str]) -> str:
    """A line and those that follow, up to `closing`."""
    parts = [before.strip(), after.strip()]
    for inner in lines:
        head, closed, tail = inner.partition(closing)
        parts.append(head.strip())
        if closed:
            parts.append(tail.strip())
            break
    return " ".join(filter(None, parts))
