"""Markers in text that arrives piece by piece."""

from collections.abc import Sequence


def half_marker(text: str, markers: Sequence[str]) -> int:
    """Return the length of the end of `text` that may be the beginning of one of `markers`, none of them whole."""
    longest = max((len(marker) for marker in markers), default=1) - 1
    sizes = range(min(longest, len(text)), 0, -1)
    return next((size for size in sizes if any(marker.startswith(text[-size:]) for marker in markers)), 0)
