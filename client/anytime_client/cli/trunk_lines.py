"""What several trunks think comes in turns of a few words each; it is told in lines, each of one trunk."""

from collections.abc import Iterator

LONGEST = 100
"""Characters of a line; a longer one is broken at a space, so that a trunk is heard while it writes a paragraph."""


class TrunkLines:
    """Collects what each trunk says until it makes a line."""

    def __init__(self) -> None:
        """Begin without text."""
        self._begun: dict[int, str] = {}

    def take(self, trunk: int, text: str) -> Iterator[str]:
        """Yield the lines that `text` completes, each with its trunk."""
        *lines, rest = (self._begun.get(trunk, "") + text).split("\n")
        while len(rest) > LONGEST:
            end = rest.rfind(" ", 1, LONGEST) + 1 or LONGEST
            lines.append(rest[:end])
            rest = rest[end:]
        self._begun[trunk] = rest
        yield from _named(trunk, lines)

    def rest(self) -> Iterator[str]:
        """Yield what was begun, as lines, and begin anew."""
        begun, self._begun = self._begun, {}
        for trunk in sorted(begun):
            yield from _named(trunk, [begun[trunk]])


def _named(trunk: int, lines: list[str]) -> Iterator[str]:
    return (f"trunk {trunk}: {line.strip()}\n" for line in lines if line.strip())
