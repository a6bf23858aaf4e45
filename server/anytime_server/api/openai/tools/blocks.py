"""Tool calls that stand in blocks: a text that opens one, and a text that closes it."""

import re
from dataclasses import dataclass

from anytime_client.protocol import ToolCall
from anytime_server.api.openai.tools.called import Offered, Piece, Read
from anytime_server.api.openai.tools.open_block import Block, OpenBlock
from anytime_server.reasoning.text.half_markers import half_marker

NEVER = r"(?!)"


@dataclass(frozen=True, slots=True)
class BlockForm:
    """How a family writes its calls: the blocks that hold them, and the frames, texts that it puts around blocks."""

    blocks: tuple[Block, ...]
    frames: tuple[str, ...] = ()

    def parser(self, offered: Offered) -> "BlockParser":
        """Return a parser of one answer by a model that was told of the tools `offered`."""
        return BlockParser(self, offered)


class BlockParser:
    """Splits an answer that arrives piece by piece into text and calls.

    Text is held back while it may be the start of a call. What looks like a call and can't be read as one is text, and
    so is a frame that holds no call.
    """

    def __init__(self, form: BlockForm, offered: Offered) -> None:
        """Start at the beginning of an answer."""
        self._offered = offered
        self._blocks = {block.open: block for block in form.blocks if block.open}
        self._bare = next((block for block in form.blocks if not block.open), None)
        self._marks = (*self._blocks, *form.frames)
        self._mark = re.compile("|".join(map(re.escape, self._marks)) or NEVER)
        self._held = ""
        self._inside: OpenBlock | None = None
        self._frame = ""
        self._after_call = False
        self._said: list[str | ToolCall] = []

    def feed(self, text: str) -> Piece:
        """Take in more of the answer."""
        if self._inside is None:
            self._held += text
        else:
            self._inside.add(text)
        while self._step():
            pass
        return self._given()

    def finish(self, *, cut: bool = False) -> Piece:
        """Return what was held back.

        A block that is not closed ends here; in an answer that was cut (`cut`) it may miss some of its arguments,
        and is text.
        """
        while self._inside is not None:
            inside = self._inside
            self._settle(inside.block, inside.text(), *inside.end_unclosed(self._offered, cut=cut))
            while self._step():
                pass
        self._text(self._held)
        self._said.append(self._frame)
        self._held, self._frame = "", ""
        return self._given()

    def _given(self) -> Piece:
        piece, self._said = Piece(tuple(self._said)), []
        return piece

    def _step(self) -> bool:
        """Take in the next mark of what is held; return whether there may be more."""
        if self._inside is not None:
            return self._step_inside(self._inside)
        if self._bare is not None:
            if not (first := self._held.lstrip()[:1]):
                return False
            bare, self._bare = self._bare, None
            if first in "{[":
                self._enter(bare, 0)
                return True
        if (found := self._mark.search(self._held)) is None:
            settled = len(self._held) - half_marker(self._held, self._marks)
            self._text(self._held[:settled])
            self._held = self._held[settled:]
            return False
        self._text(self._held[: found.start()])
        if (block := self._blocks.get(found[0])) is not None:
            self._enter(block, found.end())
        else:
            self._held = self._held[found.end() :]
            self._frame += "" if self._after_call else found[0]
        return True

    def _enter(self, block: Block, start: int) -> None:
        self._inside, self._held = OpenBlock(block, self._held[start:]), ""

    def _step_inside(self, inside: OpenBlock) -> bool:
        """Look for the end of the open block; return whether it has ended."""
        while (close := inside.next_close()) is not None:
            if (end := inside.end_at(close, self._offered)) is not None:
                self._settle(inside.block, inside.text(), *end)
                return True
        return False

    def _settle(self, block: Block, text: str, size: int, read: Read | None) -> None:
        """Leave the block of which `size` characters stand before its close; without calls it is text.

        Where it opens twice, the first one is text, and the second may still be a call.
        """
        self._inside = None
        again = text.rfind(block.open, 0, size) if read is None and block.open else -1
        if again >= 0:
            self._text(block.open + text[:again])
            self._held = text[again:]
            return
        end = size + (len(block.close) if block.close and text.startswith(block.close, size) else 0)
        self._held = text[end:]
        if read is None:
            self._text(block.open + text[:end])
            return
        self._said += read.calls
        self._frame, self._after_call = "", True
        self._text(read.rest)

    def _text(self, text: str) -> None:
        if self._frame and not text.strip():
            self._frame += text
        elif text:
            self._said.append(self._frame + text)
            self._frame = ""
            self._after_call = self._after_call and not text.strip()
