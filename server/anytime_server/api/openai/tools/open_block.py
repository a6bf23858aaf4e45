"""A block of an answer while it is open."""

from dataclasses import dataclass

from anytime_server.api.openai.tools.called import Offered, Read, Reader
from anytime_server.api.openai.tools.loose_json import ends_in_text

MOST_CLOSES = 8
"""Texts that look like the end of a block, of which all but the last may stand in a text within it."""

VALUE_TAGS = (
    ("<parameter", "</parameter>"),
    ("<arg_value>", "</arg_value>"),
    ("<｜DSML｜parameter", "</｜DSML｜parameter>"),
    ("<steptml:parameter", "</steptml:parameter>"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """Where calls stand.

    Attributes:
        open: the text before them; "" is the beginning of an answer, if that looks like JSON.
        close: the text behind them; None if they go on up to the next block or the end of the answer.
        read: what they say.
    """

    open: str
    close: str | None
    read: Reader


End = tuple[int, Read | None]
"""How many characters of a block stand before its close, and what they hold."""


class OpenBlock:
    """The text behind the opening of a block, as it arrives; it is put together only where the block may end."""

    def __init__(self, block: Block, text: str) -> None:
        """Open `block`, of which `text` is there."""
        self.block = block
        self.first_close: int | None = None
        self._end = block.close or block.open
        self._text = ""
        self._fresh = [text]
        self._window = text
        self._searched = 0
        self._closes = 0

    def add(self, text: str) -> None:
        """Take in more of the answer."""
        self._fresh.append(text)
        self._window += text

    def text(self) -> str:
        """Return all of it."""
        self._text += "".join(self._fresh)
        self._fresh = []
        return self._text

    def next_close(self) -> int | None:
        """Return where the next text stands that may end the block; None if it is not there yet."""
        if not self._end or (self._window and self._end not in self._window):
            self._window = self._window[max(0, len(self._window) - len(self._end) + 1) :]
            return None
        close = self.text().find(self._end, self._searched)
        if close < 0:
            self._window = self._text[max(self._searched, len(self._text) - len(self._end) + 1) :]
            return None
        self._searched = close + len(self._end)
        self._window = self._text[self._searched :]
        self._closes += 1
        if self.first_close is None:
            self.first_close = close
        return close

    def end_at(self, close: int, offered: Offered) -> End | None:
        """Return how the block ends at `close`; None if it goes on.

        It does where `close` stands in a text or in the value of a tag. Should that take too long, it has ended at the
        first one after all.
        """
        inside = self._text[:close]
        if not _in_value(inside):
            read = self.block.read(inside, offered)
            if read is not None:
                return close, read
            if not _in_text(inside):
                return self.first_close or 0, None
        return self._end_at_first(offered) if self._closes >= MOST_CLOSES else None

    def end_unclosed(self, offered: Offered, *, cut: bool) -> End:
        """Return how the block ends with the answer; if that was cut, a call that is not closed is none."""
        if self.first_close is not None:
            return self._end_at_first(offered)
        text = self.text()
        return len(text), None if cut and self.block.close else self.block.read(text, offered)

    def _end_at_first(self, offered: Offered) -> End:
        close = self.first_close or 0
        return close, self.block.read(self.text()[:close], offered)


def _in_value(inside: str) -> bool:
    """Whether the value of a tag is open at the end."""
    return any(inside.count(begin) > inside.count(end) for begin, end in VALUE_TAGS)


def _in_text(inside: str) -> bool:
    """Whether a JSON text is open at the end."""
    start = min((at for bracket in "{[" if (at := inside.find(bracket)) >= 0), default=-1)
    return start >= 0 and ends_in_text(inside, start)
