"""How far a run is, told from its first moment on, and every few seconds: models take a while to load and to think."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

EVERY_S = 5.0


@dataclass(slots=True)
class Progress:
    """Counts the rollouts of a run."""

    name: str
    total: int
    done: int = 0

    def __call__(self, more: int) -> None:
        """Count `more` rollouts in."""
        self.done += more

    def told(self, after_s: float) -> str:
        """Return how far it is after so many seconds."""
        left = after_s * (self.total - self.done) / self.done if self.done else 0
        rest = f", {left:.0f} s left" if left else ""
        return f"{self.name}: {self.done} of {self.total} rollouts after {after_s:.0f} s{rest}"


@contextmanager
def telling(progress: Progress, say: Callable[[str], None], clock: Callable[[], float]) -> Iterator[Progress]:
    """Tell how far it is at once, every few seconds while the block runs, and at its end."""
    began, over = clock(), Event()

    def tell() -> None:
        while not over.wait(EVERY_S):
            now = ", comparing the answers" if progress.done == progress.total else ""
            say(progress.told(clock() - began) + now)

    say(progress.told(0))
    teller = Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield progress
    finally:
        over.set()
        teller.join()
    say(progress.told(clock() - began))
