"""A call as a reader finds it in a block, and as the API tells it."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anytime_client.protocol import FunctionCall, ToolCall

LONGEST_NAME = 256

Offered = Mapping[str, Mapping[str, Any]]
"""The JSON schemas of the arguments, by the names of the tools that the model was told of."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece of answer text adds: text and whole calls, in their order."""

    parts: tuple[str | ToolCall, ...] = ()

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All of its calls."""
        return tuple(part for part in self.parts if not isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Read:
    """What a block holds: its calls, and text that is no part of them."""

    calls: list[ToolCall] = field(default_factory=list)
    rest: str = ""


Reader = Callable[[str, Offered], Read | None]
"""Reads the inside of a block; None if it holds no call, or something that can't be read as one."""


def call(name: object, arguments: Mapping[str, Any]) -> ToolCall | None:
    """Return the call of `name`; None if that is no name, or JSON can't say the arguments."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name.isspace():
        return None
    try:
        text = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return None
    if not _is_utf8(text):
        text = json.dumps(arguments)
    return ToolCall(id=f"call_{secrets.token_hex(12)}", function=FunctionCall(name=name, arguments=text))


def _is_utf8(text: str) -> bool:
    """Whether `text` has no half of a surrogate pair, which JSON can escape and UTF-8 can't hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
