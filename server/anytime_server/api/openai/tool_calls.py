"""Tool calls in an answer, as Hermes, Qwen and many other families write them: `<tool_call>{json}</tool_call>`."""

import json
import secrets
from dataclasses import dataclass

from anytime_client.protocol import FunctionCall, ToolCall

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece of answer text adds: text, or whole calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


class ToolCallParser:
    """Splits an answer that arrives piece by piece into text and calls.

    Text is held back while it may be the start of a call. What looks like a call and can't be read as one is text.
    """

    def __init__(self) -> None:
        """Start at the beginning of an answer."""
        self._held = ""

    def feed(self, text: str) -> Piece:
        """Take in more of the answer."""
        self._held += text
        out, calls = "", []
        while CLOSE in (block := self._held.partition(OPEN))[2]:
            inside, _, rest = block[2].partition(CLOSE)
            call = read_call(inside)
            out += block[0] if call else block[0] + OPEN + inside + CLOSE
            calls += [call] if call else []
            self._held = rest
        settled = len(self._held) - _held_length(self._held)
        out, self._held = out + self._held[:settled], self._held[settled:]
        return Piece(out, tuple(calls))

    def finish(self) -> Piece:
        """Return what was held back: a call that was begun and cut off is text."""
        held, self._held = self._held, ""
        return Piece(held)


def parse(answer: str) -> Piece:
    """Split a whole answer."""
    parser = ToolCallParser()
    piece, last = parser.feed(answer), parser.finish()
    return Piece((piece.text + last.text).strip(), piece.calls)


def read_call(text: str) -> ToolCall | None:
    """Read the inside of a call: a JSON object with a name and arguments; None if it is none."""
    try:
        call = json.loads(text)
    except ValueError:
        return None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        return None
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        return None
    function = FunctionCall(name=call["name"], arguments=json.dumps(arguments, ensure_ascii=False))
    return ToolCall(id=f"call_{secrets.token_hex(12)}", function=function)


def _held_length(text: str) -> int:
    """Length of the end of `text` that may belong to a call."""
    if (start := text.find(OPEN)) >= 0:
        return len(text) - start
    return next((size for size in range(len(OPEN) - 1, 0, -1) if text.endswith(OPEN[:size])), 0)
