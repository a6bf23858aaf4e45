"""Text that arrives piece by piece without the white space at its ends."""


class Trimmed:
    """Joined, what it gives out is what `str.strip` would make of the whole."""

    def __init__(self) -> None:
        """Start at the beginning of a text."""
        self._begun = False
        self._space = ""

    def feed(self, text: str) -> str:
        """Return what is known to be inside of the text; white space is held back until something follows it."""
        if not self._begun:
            text = text.lstrip()
        kept = (self._space + text).rstrip()
        self._begun = self._begun or bool(kept)
        self._space = (self._space + text)[len(kept) :] if self._begun else ""
        return kept
