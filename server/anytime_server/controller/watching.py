"""Rules that end thinking because of what it says, looked at token by token."""

from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.loops import LoopDetector
from anytime_server.controller.patterns import Pattern
from anytime_server.controller.stopping import StopReason


@dataclass(frozen=True, slots=True)
class ThinkingRule:
    """Thinking ends where it has become a `loop`, and where its text has come to the `pattern` (None: nowhere)."""

    loop: bool = False
    pattern: Pattern | None = None

    def __bool__(self) -> bool:
        """Whether it ends anything."""
        return self.loop or self.pattern is not None


class ThinkingWatch:
    """Holds a growing thinking to a rule. What it says is a function of the tokens, however they arrive.

    The text that a pattern is looked for in is that of whole characters; bytes that can't be part of one are U+FFFD.
    What stands between the parts of a thinking that is written in channels is text, too.
    """

    __slots__ = ("_decoder", "_loops", "_search", "_vocabulary", "found")

    def __init__(self, rule: ThinkingRule, vocabulary: Sequence[bytes]) -> None:
        """Start with no thinking; the token `t` spells `vocabulary[t]`, and ids beyond it spell nothing."""
        self.found: StopReason | None = None
        self._loops = LoopDetector() if rule.loop else None
        self._search = None if rule.pattern is None else rule.pattern.search()
        self._vocabulary = vocabulary
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")

    def observe(self, token: int) -> StopReason | None:
        """Take in a thinking token; return why the thinking is to end with it, or None.

        Once that is found it stays.
        """
        if self.found is None:
            if self._loops is not None and self._loops.observe(token) is not None:
                self.found = StopReason.LOOP
            elif self._search is not None and self._search.feed(self._text_of(token)):
                self.found = StopReason.MATCH
        return self.found

    def _text_of(self, token: int) -> str:
        return self._decoder.decode(self._vocabulary[token] if token < len(self._vocabulary) else b"")
