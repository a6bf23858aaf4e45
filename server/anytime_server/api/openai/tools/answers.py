"""The answer to a chat request as text and tool calls."""

from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.tools.called import Piece
from anytime_server.api.openai.tools.channels import ChannelForm
from anytime_server.api.openai.tools.forced import ForcedCalls
from anytime_server.api.openai.tools.forms import Form, Parser

SLICE = 4096
"""Characters of a whole answer that are taken in at once: marks are looked for in no more than that again and again."""


class PlainText:
    """An answer that can call nothing: it is text."""

    def feed(self, text: str) -> Piece:
        """Give out what comes in."""
        return Piece((text,))

    def finish(self, *, cut: bool = False) -> Piece:
        """There is nothing left."""
        return Piece()


class FirstCall:
    """Keeps the first call of an answer, for a client that takes one at a time."""

    def __init__(self, parser: Parser) -> None:
        """Keep the first call that `parser` finds."""
        self._parser = parser
        self._called = False

    def feed(self, text: str) -> Piece:
        """Take in more of the answer."""
        return self._first(self._parser.feed(text))

    def finish(self, *, cut: bool = False) -> Piece:
        """Return what was held back."""
        return self._first(self._parser.finish(cut=cut))

    def _first(self, piece: Piece) -> Piece:
        dropped = piece.calls[0 if self._called else 1 :]
        self._called = self._called or bool(piece.calls)
        return Piece(tuple(part for part in piece.parts if part not in dropped))


def parser_for(form: Form, chat: ChatRequest) -> Parser:
    """Return the parser of an answer to `chat` by a model that writes its calls in `form`."""
    if not chat.offers_tools:
        return ChannelForm(calls=False).parser({}) if isinstance(form, ChannelForm) else PlainText()
    if chat.must_call:
        return ForcedCalls(chat.named_tool)
    parser = form.parser({tool.function.name: tool.function.parameters or {} for tool in chat.tools or ()})
    return parser if chat.parallel_tool_calls else FirstCall(parser)


def parse(answer: str, parser: Parser, *, cut: bool = False) -> Piece:
    """Split a whole answer into its text, without the white space at its ends, and its calls."""
    pieces = [parser.feed(answer[start : start + SLICE]) for start in range(0, len(answer), SLICE)]
    pieces.append(parser.finish(cut=cut))
    text = "".join(piece.text for piece in pieces).strip()
    return Piece((text, *(call for piece in pieces for call in piece.calls)))
