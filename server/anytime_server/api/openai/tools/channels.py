"""Tool calls of gpt-oss: messages to a recipient, which stand beside those for the reader."""

from dataclasses import dataclass

from anytime_client.protocol import ToolCall
from anytime_server.api.openai.tools.called import Offered, Piece, call
from anytime_server.api.openai.tools.loose_json import read_json
from anytime_server.controller import HarmonyCall, HarmonyPart, HarmonyReader, HarmonyText


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """Messages on channels. Their headers are no text; without `calls` the bodies of all of them are."""

    calls: bool = True

    def parser(self, offered: Offered) -> "ChannelParser":
        """Return a parser of one answer."""
        return ChannelParser(calls=self.calls)


class ChannelParser:
    """Splits an answer that arrives piece by piece into text and calls; arguments that can't be read are text."""

    def __init__(self, *, calls: bool) -> None:
        """Start where the thinking has ended; without `calls` there is only text."""
        self._reader = HarmonyReader()
        self._calls = calls
        self._cut = False

    def feed(self, text: str) -> Piece:
        """Take in more of the answer."""
        return self._piece(self._reader.feed(text))

    def finish(self, *, cut: bool = False) -> Piece:
        """Return what was held back; a call that is not closed is none in an answer that was cut."""
        self._cut = cut
        return self._piece(self._reader.finish())

    def _piece(self, parts: list[HarmonyPart]) -> Piece:
        return Piece(tuple(self._told(part) for part in parts))

    def _told(self, part: HarmonyPart) -> str | ToolCall:
        if isinstance(part, HarmonyText):
            return part.text
        return self._call(part) or part.arguments

    def _call(self, part: HarmonyCall) -> ToolCall | None:
        if not self._calls or (self._cut and not part.ended):
            return None
        try:
            arguments = read_json(part.arguments) if part.arguments else {}
        except ValueError:
            return None
        return call(part.name, arguments) if isinstance(arguments, dict) else None
