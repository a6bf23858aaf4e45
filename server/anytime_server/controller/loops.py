"""Thinking that repeats itself token for token: a cycle is found once it has stood for three periods and a little.

A cycle of period p is a text in which each token is the one p tokens before it. Its first period is new, so after n
tokens of it the last n - p are a *run*: repetitions at that distance. It is called a loop after `3 * p + SLACK` tokens:
all that a table, a rule of dashes or an indentation has of repetition must fit in there, so the whole of it is used for
every period. The law, for p from 1 to `LONGEST_PERIOD`: a run at the distance p has `2 * p + SLACK` tokens.

Nothing is counted on the way. Every `STRIDE` tokens at the latest the last `SEED` tokens are looked for within reach:
the places where they stand are the distances of all runs that can become a loop before the next look. Where one of
these lacks fewer tokens than that, the next look is just then. Text that does not repeat itself costs a search through
a few hundred characters every `STRIDE` tokens.
"""

from collections.abc import Iterator

LONGEST_PERIOD = 256
"""Longer cycles are not looked for: they repeat themselves too seldom within a budget."""

SLACK = 16
"""Tokens of a cycle beyond three periods, so that short periods stand for longer: 19 equal tokens in a row, not 3."""

STRIDE = 8
SEED = 2 + SLACK - STRIDE
"""The shortest run of a loop has `2 + SLACK` tokens, so it has had these one stride before."""

REACH = 3 * LONGEST_PERIOD + SLACK
"""The last tokens that decide."""


class LoopDetector:
    """Looks at a growing text token by token. What it says is a function of the tokens, however they arrive."""

    __slots__ = ("_fresh", "_text", "_wait")

    def __init__(self) -> None:
        """Start with no tokens."""
        # A character stands for a token: strings are searched and compared by C code.
        self._text = ""
        self._fresh: list[int] = []
        self._wait = STRIDE

    def observe(self, token: int) -> int | None:
        """Take in `token`, an id below 0x110000; return the shortest period of a loop that it ends, or None.

        Once a loop is found there is nothing more to observe.
        """
        self._fresh.append(token)
        return self._look() if len(self._fresh) >= self._wait else None

    def _look(self) -> int | None:
        self._text = (self._text + "".join(map(chr, self._fresh)))[-REACH:]
        self._fresh.clear()
        self._wait = STRIDE
        for period in _distances(self._text):
            lacking = _lacking(self._text, period)
            if not lacking:
                return period
            self._wait = min(self._wait, lacking)
        return None


def _distances(text: str) -> Iterator[int]:
    """How far before the end the last `SEED` characters stand once more, the nearest place first."""
    seed, size = text[-SEED:], len(text)
    lowest = max(0, size - SEED - LONGEST_PERIOD)
    found = text.rfind(seed, lowest, size - 1)
    while found >= 0:
        yield size - len(seed) - found
        found = text.rfind(seed, lowest, found + len(seed) - 1)


def _lacking(text: str, period: int) -> int:
    """How many characters the run at the distance `period` lacks to be a loop; `STRIDE` stands for more, too."""
    needed = 2 * period + SLACK
    run = needed - STRIDE + 1
    if text[-run:] != text[-run - period : -period]:
        return STRIDE
    while run < needed and run + period < len(text) and text[-run - 1] == text[-run - period - 1]:
        run += 1
    return needed - run
