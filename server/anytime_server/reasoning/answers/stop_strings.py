"""Stop strings in an answer that arrives piece by piece: each character is looked at once."""

from collections.abc import Sequence


class StopStrings:
    """Finds where an answer ends: at the stop string that is complete first, the longest of those that end there.

    White space before the answer is no part of it, so a stop string begins at the first visible character or later.
    Where the text is cut does not depend on the pieces in which it comes.
    """

    def __init__(self, strings: Sequence[str], *, verbatim: bool = False) -> None:
        """Look for `strings`, none of which is empty; in a `verbatim` answer white space before it is a part of it."""
        self._needles = [_Needle(string) for string in dict.fromkeys(strings)]
        self._length = 0
        self._begun = verbatim
        self.position: int | None = None

    def feed(self, text: str) -> None:
        """Take in more of the answer; what comes after a stop string is not looked at."""
        if self.position is not None:
            return
        visible = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(visible)
        self._length += len(text)
        start = self._length - len(visible)
        ends = [(needle.feed(visible), needle.size) for needle in self._needles]
        if complete := [(end, -size) for end, size in ends if end is not None]:
            end, minus_size = min(complete)
            self.position = start + end + minus_size

    @property
    def settled(self) -> int:
        """Length of the text that belongs to the answer whatever comes: a stop string may have begun behind it."""
        if self.position is not None:
            return self.position
        return self._length - max((needle.matched for needle in self._needles), default=0)


class _Needle:
    """One stop string, and how much of it the text so far ends with (Knuth, Morris and Pratt, 1977)."""

    def __init__(self, string: str) -> None:
        self._string = string
        self._shorter = _shorter_matches(string)
        self.size = len(string)
        self.matched = 0

    def feed(self, text: str) -> int | None:
        """Return the end in `text` of the first place where the string is complete, None if there is none yet."""
        at = 0
        while at < len(text):
            if self.matched == 0:
                # The usual case: nothing has begun, and the search for a beginning is the interpreter's.
                at = text.find(self._string[0], at)
                if at < 0:
                    return None
            self._take(text[at])
            at += 1
            if self.matched == self.size:
                return at
        return None

    def _take(self, character: str) -> None:
        while self.matched and self._string[self.matched] != character:
            self.matched = self._shorter[self.matched - 1]
        if self._string[self.matched] == character:
            self.matched += 1


def _shorter_matches(string: str) -> list[int]:
    """For each beginning of `string`: the length of the longest shorter beginning that it ends with."""
    lengths = [0]
    for character in string[1:]:
        length = lengths[-1]
        while length and string[length] != character:
            length = lengths[length - 1]
        lengths.append(length + (string[length] == character))
    return lengths
