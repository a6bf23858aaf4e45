"""Server-sent events from bytes as they arrive, by the parsing rules of the WHATWG HTML standard, section 9.2."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_END = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Message:
    """One dispatched event. `id` is the last one that was sent, by this event or an earlier one."""

    event: str
    data: str
    id: str


class Decoder:
    """Decodes one connection's stream. An event that the connection's end cut off is never dispatched."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._unfinished: list[str] = []  # joined once: a line of megabytes arrives in hundreds of chunks
        self._skip_line_feed = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the events that `chunk` completes; comments and events without data are none."""
        for line in self._lines(self._text.decode(chunk)):
            if line:
                self._take_field(line)
            else:
                yield from self._dispatch()

    def _lines(self, text: str) -> list[str]:
        if not text:
            return []
        if self._skip_line_feed:
            # A carriage return ended the chunk before; a line feed right after it belongs to the same line end.
            text = text.removeprefix("\n")
        self._skip_line_feed = text.endswith("\r")
        *lines, rest = LINE_END.split(text)
        if lines:
            lines[0] = "".join([*self._unfinished, lines[0]])
            self._unfinished = []
        self._unfinished.append(rest)
        return lines

    def _take_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> Iterator[Message]:
        data, event = "\n".join(self._data), self._event
        self._data, self._event = [], ""
        if data:
            yield Message(event or "message", data, self._id)
