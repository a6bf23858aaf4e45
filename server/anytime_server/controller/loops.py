"""Thinking that repeats itself token for token: a cycle is found once it has stood for three periods and a little.

A cycle of period p is a text in which each token is the one p tokens before it. Its first period is new, so after n
tokens of it the last n - p are repetitions. It is called a loop after `3 * p + SLACK` tokens: all that a table, a rule
of dashes or an indentation can have of repetition must fit in there, so the whole of it is used for every period.

The law, for p from 1 to `LONGEST_PERIOD`: the last `2 * p + SLACK` tokens are those p tokens before them. Since that is
at least `SUFFIX` tokens, the last `SUFFIX` tokens stand p tokens earlier, too. So each place where they stand within
reach is looked at, and nothing else: that search is one call on a string of a few hundred characters, and text that
does not repeat itself has no such place.
"""

LONGEST_PERIOD = 256
"""Longer cycles are not looked for: they repeat themselves too seldom within a budget."""

SLACK = 16
"""Tokens of a cycle beyond three periods, so that short periods stand for longer: 19 equal tokens in a row, not 3."""

SUFFIX = 2 + SLACK
"""The repeated tokens of the shortest period: all cycles have as many."""

REACH = 3 * LONGEST_PERIOD + SLACK
"""The last tokens that decide."""


class LoopDetector:
    """Looks at a growing text token by token. What it says is a function of the tokens, however they arrive."""

    __slots__ = ("_text",)

    def __init__(self) -> None:
        """Start with no tokens."""
        # A character stands for a token: strings are searched and compared by C code.
        self._text = ""

    def observe(self, token: int) -> int | None:
        """Take in `token`, an id below 0x110000; return the period of the loop that it ends, or None.

        The shortest period is returned. A text that goes on in its loop is told again.
        """
        text = self._text + chr(token)
        if len(text) > 2 * REACH:
            text = text[-REACH:]
        self._text = text
        size, suffix = len(text), text[-SUFFIX:]
        lowest = max(0, size - SUFFIX - LONGEST_PERIOD)
        found = text.rfind(suffix, lowest, size - 1)
        while found >= 0:
            period = size - len(suffix) - found
            if _is_loop(text, period):
                return period
            found = text.rfind(suffix, lowest, found + len(suffix) - 1)
        return None


def _is_loop(text: str, period: int) -> bool:
    repeated = 2 * period + SLACK
    before = len(text) - repeated - period
    return before >= 0 and text.endswith(text[before : before + repeated])
