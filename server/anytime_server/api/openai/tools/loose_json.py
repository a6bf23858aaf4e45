"""JSON as models write it.

Beside JSON this reads single quotes, raw line breaks in texts, trailing commas, keys without quotes, Python's True,
False and None, escapes that JSON has not, and brackets that are not closed at the end. It takes linear time, and
refuses what is nested deeper than anybody means it.
"""

import json
import math
import re
from typing import Any, NoReturn

DEEPEST = 100
WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'", "\n": ""}
SPACE = re.compile(r"\s*")
WORD = re.compile(r"[A-Za-z_][\w.$-]*")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
PLAIN = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
HEX = {"u": re.compile(r"[0-9a-fA-F]{4}"), "x": re.compile(r"[0-9a-fA-F]{2}")}
LONGEST_INTEGER = 4000
"""Digits; Python refuses to read more than 4300."""


class LooseJson:
    """A cursor over a text. All reads raise ValueError where the text holds something else.

    `unclosed` is whether the text ended before a bracket was closed.
    """

    def __init__(self, text: str, position: int = 0) -> None:
        """Start at `position`."""
        self.text = text
        self.position = position
        self.unclosed = False

    def value(self, depth: int = 0) -> Any:
        """Read the value at the cursor."""
        match self.peek():
            case "{":
                return self._object(depth + 1)
            case "[":
                return self._array(depth + 1)
            case '"' | "'":
                return self._text()
            case _:
                return self._word() if self._at(WORD) else self._number()

    def peek(self) -> str:
        """Return the next character that is no white space; nothing at the end."""
        self.position = self._end_of(SPACE)
        return self.text[self.position : self.position + 1]

    def take(self, character: str) -> bool:
        """Step over `character` if it is the next one."""
        found = self.peek() == character
        self.position += found
        return found

    def word(self) -> str:
        """Read a name."""
        self.peek()
        start, self.position = self.position, self._end_of(WORD)
        return self.text[start : self.position] or self.fail()

    def fail(self) -> NoReturn:
        """Say that the text holds something else."""
        raise ValueError(f"no JSON at character {self.position}")

    def _object(self, depth: int) -> dict[str, Any]:
        self._enter(depth)
        made: dict[str, Any] = {}
        while not self._left("}"):
            key = self._text() if self.peek() in ("'", '"') else self.word()
            if not self.take(":"):
                self.fail()
            made[key] = self.value(depth)
            self._separated("}")
        return made

    def _array(self, depth: int) -> list[Any]:
        self._enter(depth)
        made = []
        while not self._left("]"):
            made.append(self.value(depth))
            self._separated("]")
        return made

    def _enter(self, depth: int) -> None:
        if depth > DEEPEST:
            self.fail()
        self.position += 1

    def _left(self, bracket: str) -> bool:
        """Whether the bracket closes here; at the end of the text it does unwritten."""
        if self.take(bracket):
            return True
        self.unclosed = self.unclosed or not self.peek()
        return not self.peek()

    def _separated(self, bracket: str) -> None:
        if not self.take(",") and self.peek() not in ("", bracket):
            self.fail()

    def _text(self) -> str:
        quote = self.text[self.position]
        self.position += 1
        parts: list[str] = []
        while True:
            start, self.position = self.position, self._end_of(PLAIN[quote])
            parts.append(self.text[start : self.position])
            if self.position >= len(self.text):
                self.fail()
            self.position += 1
            if self.text[self.position - 1] == quote:
                return _paired("".join(parts))
            parts.append(self._escape())

    def _escape(self) -> str:
        if self.position >= len(self.text):
            self.fail()
        character = self.text[self.position]
        self.position += 1
        if character in HEX and (digits := HEX[character].match(self.text, self.position)):
            self.position = digits.end()
            return chr(int(digits[0], 16))
        return ESCAPES.get(character, "\\" + character)

    def _word(self) -> Any:
        word = self.word()
        return WORDS[word] if word in WORDS else self.fail()

    def _number(self) -> int | float:
        start, self.position = self.position, self._end_of(NUMBER)
        text = self.text[start : self.position]
        if not text or len(text) > LONGEST_INTEGER:
            self.fail()
        number = int(text) if text.lstrip("+-").isdecimal() else float(text)
        return number if isinstance(number, int) or math.isfinite(number) else self.fail()

    def _at(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.text, self.position) is not None

    def _end_of(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.position)
        return found.end() if found else self.position


def read_json(text: str) -> Any:
    """Read a text that is one value, possibly in a code fence.

    Raises:
        ValueError: if it is something else.
    """
    cursor = LooseJson(without_fence(text))
    value = cursor.value()
    return cursor.fail() if cursor.peek() else value


def without_fence(text: str) -> str:
    """Return what stands in the code fence that `text` is; another text as it is, without white space around it."""
    text = text.strip()
    if not text.startswith("```"):
        return text
    return text[3:].removesuffix("```").removeprefix("json").strip()


def ends_in_text(text: str, start: int = 0) -> bool:
    """Whether a JSON text in double quotes is open at the end of `text`."""
    inside, escaped = False, False
    for character in text[start:]:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = inside
        elif character == '"':
            inside = not inside
    return inside


def _paired(text: str) -> str:
    """Join the halves of characters that were escaped as two."""
    if not any("\ud800" <= character <= "\udbff" for character in text):
        return text
    joined: str = json.loads(json.dumps(text))
    return joined
