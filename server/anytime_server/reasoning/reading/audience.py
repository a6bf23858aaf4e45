"""Who reads a session in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Audience:
    """Counts readers, and tells when the first one comes and when the last one leaves."""

    def __init__(self, came: Callable[[], None], left: Callable[[], None]) -> None:
        """Start without readers."""
        self._came, self._left = came, left
        self._readers = 0

    @property
    def readers(self) -> int:
        """How many there are now."""
        return self._readers

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Be a reader within the block."""
        self._readers += 1
        if self._readers == 1:
            self._came()
        try:
            yield
        finally:
            self._readers -= 1
            if self._readers == 0:
                self._left()
