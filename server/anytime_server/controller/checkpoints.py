"""Where interim answers are branched off the thinking."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from anytime_server.controller.errors import ScheduleError


@dataclass(frozen=True, slots=True)
class CheckpointSchedule:
    """Thinking lengths in tokens at which interim answers are branched, ascending, each once.

    A list may name the budget itself; the rules (every, count, geometric) stop short of it, since the final answer
    stands there.
    """

    at: tuple[int, ...] = ()

    @classmethod
    def explicit(cls, at: Sequence[int], budget: int) -> "CheckpointSchedule":
        """Return exactly these lengths.

        Raises:
            ScheduleError: if they are negative, not ascending, or beyond the budget.
        """
        if any(value < 0 for value in at):
            raise ScheduleError(f"checkpoints must be >= 0: {list(at)}")
        if any(later <= earlier for earlier, later in pairwise(at)):
            raise ScheduleError(f"checkpoints must ascend, each once: {list(at)}")
        if at and at[-1] > budget:
            raise ScheduleError(f"checkpoint {at[-1]} is beyond the budget of {budget} thinking tokens")
        return cls(tuple(at))

    @classmethod
    def every(cls, step: int, budget: int) -> "CheckpointSchedule":
        """Return every `step` tokens."""
        if step < 1:
            raise ScheduleError(f"every must be >= 1, not {step}")
        return cls(tuple(range(step, budget, step)))

    @classmethod
    def count(cls, count: int, budget: int) -> "CheckpointSchedule":
        """Return `count` lengths that split the budget evenly (fewer if the budget has fewer tokens)."""
        if count < 0:
            raise ScheduleError(f"count must be >= 0, not {count}")
        points = {budget * index // (count + 1) for index in range(1, count + 1)}
        return cls(tuple(sorted(points - {0})))

    @classmethod
    def geometric(cls, ratio: float, budget: int, first: int = 16) -> "CheckpointSchedule":
        """Return lengths that grow by `ratio`, from `first` tokens on."""
        if ratio <= 1:
            raise ScheduleError(f"geometric must be > 1, not {ratio}")
        points: list[int] = []
        value = float(first)
        while value < budget:
            points.append(int(value))
            value = max(value * ratio, points[-1] + 1)
        return cls(tuple(points))

    def thinned(self, most: int) -> "CheckpointSchedule":
        """Return every n-th of them, so that there are no more than `most`."""
        step = max(1, -(-len(self.at) // most))
        return CheckpointSchedule(self.at[step - 1 :: step])

    def within(self, budget: int) -> "CheckpointSchedule":
        """Return the checkpoints that a budget still reaches."""
        return CheckpointSchedule(tuple(point for point in self.at if point <= budget))
