"""What gpt-oss writes after its thinking: messages on channels, each behind a header that is never text.

A message is `<|start|>assistant<|channel|>NAME to=RECIPIENT <|constrain|>json<|message|>BODY<|end|>`; the recipient may
also stand before the channel. An answer begins inside the first of them: with the rest of its header, or, where the
thinking ended at the plain final one, with the body.
"""

import re
from dataclasses import dataclass

START, CHANNEL, MESSAGE, CONSTRAIN = "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>"
ENDS = ("<|end|>", "<|call|>", "<|return|>")
CONTROLS = (START, CHANNEL, MESSAGE, CONSTRAIN, *ENDS)
CONTROL = re.compile("|".join(map(re.escape, CONTROLS)))
LONGEST = max(map(len, CONTROLS))
RECIPIENT = " to="
"""An answer that begins so begins with a header."""

HEADER_RECIPIENT = re.compile(r"(?:^|\s)to=([^\s<]+)")
HEADER_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
HEADER_ROLE = re.compile(r"<\|start\|>\s*([^\s<]+)")
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class HarmonyText:
    """A piece of a message for the reader: of the final one, or of a preamble."""

    text: str


@dataclass(frozen=True, slots=True)
class HarmonyCall:
    """A whole message to a tool.

    Attributes:
        name: of the tool, without the namespace `functions`.
        arguments: the body as it was written.
        ended: whether the message was closed; the last one of an answer ends with the answer.
    """

    name: str
    arguments: str
    ended: bool = True


HarmonyPart = HarmonyText | HarmonyCall


class HarmonyReader:
    """Splits an answer that arrives piece by piece into text and calls.

    A blank line stands between two messages; analysis, and what is no message of the assistant's, is left out. What may
    be the start of a control token is held back.
    """

    def __init__(self) -> None:
        """Start where the thinking has ended."""
        self._held = ""
        self._at_start = True
        self._header: list[str] | None = None
        self._recipient: str | None = None
        self._body: list[str] = []
        self._dropped = False
        self._has_text = False
        self._gap = ""

    def feed(self, piece: str) -> list[HarmonyPart]:
        """Take in more of the answer."""
        self._held += piece
        if self._at_start and not self._begun():
            return []
        return self._read(len(self._held) - _half_control(self._held))

    def finish(self) -> list[HarmonyPart]:
        """Return what was held back; a call that is not closed ends here, a header that is not is dropped."""
        self._at_start = False
        parts = self._read(len(self._held))
        if self._header is not None and CONTROL.search(header := "".join(self._header)) is None:
            self._header = None
            parts += self._text(header)
        return parts + self._close(ended=False)

    def _begun(self) -> bool:
        """Whether it is known what the answer begins with."""
        if RECIPIENT.startswith(self._held) and self._held != RECIPIENT:
            return False
        self._at_start = False
        if self._held.startswith(RECIPIENT):
            self._header = []
        return True

    def _read(self, settled: int) -> list[HarmonyPart]:
        """Take in the first `settled` characters of what is held."""
        text, self._held = self._held[:settled], self._held[settled:]
        parts: list[HarmonyPart] = []
        position = 0
        for found in CONTROL.finditer(text):
            parts += self._text(text[position : found.start()])
            parts += self._control(found.group())
            position = found.end()
        return parts + self._text(text[position:])

    def _control(self, token: str) -> list[HarmonyPart]:
        if token in ENDS:
            return self._close()
        if token == START or (token == CHANNEL and self._header is None):
            parts = self._close()
            self._header = [token]
            return parts
        if self._header is None:
            return []
        if token == MESSAGE:
            self._open("".join(self._header))
        else:
            self._header.append(token)
        return []

    def _text(self, text: str) -> list[HarmonyPart]:
        if not text:
            return []
        if self._header is not None:
            self._header.append(text)
        elif self._recipient is not None:
            self._body.append(text)
        elif not self._dropped:
            gap, self._gap, self._has_text = self._gap, "", True
            return [HarmonyText(gap + text)]
        return []

    def _open(self, header: str) -> None:
        """Begin the message behind `header`."""
        role, channel = HEADER_ROLE.search(header), HEADER_CHANNEL.search(header)
        recipient = HEADER_RECIPIENT.search(header)
        self._header = None
        others = role is not None and role[1] != "assistant"
        if recipient is not None and not others:
            self._recipient = recipient[1].removeprefix("functions.")
        self._dropped = others or (channel is not None and channel[1] == "analysis")

    def _close(self, *, ended: bool = True) -> list[HarmonyPart]:
        """End the open message; what was only a header is dropped."""
        name, body = self._recipient, "".join(self._body)
        self._header, self._recipient, self._body, self._dropped = None, None, [], False
        self._gap = BETWEEN if self._has_text else ""
        return [] if name is None else [HarmonyCall(name, body.strip(), ended)]


def _half_control(text: str) -> int:
    """Length of the end of `text` that may be the start of a control token."""
    start = text.rfind("<", max(0, len(text) - LONGEST + 1))
    if start < 0:
        return 0
    tail = text[start:]
    return len(tail) if any(len(tail) < len(token) and token.startswith(tail) for token in CONTROLS) else 0
