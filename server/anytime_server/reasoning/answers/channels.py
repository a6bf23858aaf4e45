"""The answer of a family that writes channels, as gpt-oss does: its messages' text, without their headers."""

from collections.abc import Sequence

from anytime_server.controller.harmony import HarmonyCall, HarmonyPart, HarmonyReader


class Channels:
    """Reads an answer that arrives piece by piece; a call of a tool is one message of its own.

    Where tools were offered, calls keep their headers, by which they are told from text; else only their body is left.
    """

    def __init__(self, *, calls_tools: bool) -> None:
        """Start where the thinking has ended."""
        self._reader = HarmonyReader()
        self._calls_tools = calls_tools

    def feed(self, piece: str) -> str:
        """Return what `piece` adds to the content."""
        return self._written(self._reader.feed(piece))

    def finish(self) -> str:
        """Return what was held back."""
        return self._written(self._reader.finish())

    def _written(self, parts: Sequence[HarmonyPart]) -> str:
        return "".join(self._call(part) if isinstance(part, HarmonyCall) else part.text for part in parts)

    def _call(self, call: HarmonyCall) -> str:
        if not self._calls_tools:
            return call.arguments
        header = f"<|start|>assistant<|channel|>commentary to=functions.{call.name} <|constrain|>json<|message|>"
        return f"{header}{call.arguments}{'<|call|>' if call.ended else ''}"
