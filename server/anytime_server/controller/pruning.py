"""Which of several trunks are not worth more tokens.

A trunk that stands against the others rarely turns the vote: pruning by deviation, as in Parallel-Probe (arXiv
2602.03845). One that is much less sure of its answer than those that lead is stopped too, as
DeepConf (arXiv 2508.15260) stops traces of low confidence. A pruned trunk keeps the vote that it has cast: pruning
saves tokens, and never makes trunks agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.votes import Outcome


@dataclass(frozen=True, slots=True)
class PruningRule:
    """Prunes at a checkpoint what has fallen behind at each of the last `patience` checkpoints.

    A trunk has fallen behind at a checkpoint where the winner had a majority of the weight, and the trunk said
    something else, or said the same with less than `unsure` of the winners' mean confidence.

    Attributes:
        patience: checkpoints in a row. One saves the most; votes that were cast stand, but what a pruned trunk would
            still have found out is lost.
        majority: share of the weight above which the winner counts as one; below it nobody has fallen behind.
        unsure: share of the winners' mean confidence.
        least: trunks that are left to think at least.
    """

    patience: int = 2
    majority: float = 0.6
    unsure: float = 0.5
    least: int = 2

    def __call__(self, votes: Sequence[Outcome], thinking: Sequence[int]) -> tuple[int, ...]:
        """Return which of the `thinking` trunks to prune after the `votes` so far, in checkpoint order."""
        recent = votes[-self.patience :]
        if len(recent) < self.patience:
            return ()
        behind = [trunk for trunk in thinking if all(self._is_behind(trunk, vote) for vote in recent)]
        spare = max(0, len(thinking) - self.least)
        return tuple(behind[len(behind) - min(spare, len(behind)) :])

    def _is_behind(self, trunk: int, vote: Outcome) -> bool:
        if vote.value is None or vote.consensus <= self.majority:
            return False
        own = next((ballot for ballot in vote.ballots if ballot.trunk == trunk), None)
        mean = sum(ballot.confidence for ballot in vote.ballots) / len(vote.ballots)
        return own is None or own.confidence < self.unsure * mean
