"""Rollouts of a batch and what they are worth: think, answer, call the reward functions, gather their rewards."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anytime_training.algorithm.credit import Rewarded
from anytime_training.brpo.scoring import Completions, Scorer
from anytime_training.rollouts.collector import Collector, Rollouts

if TYPE_CHECKING:
    import torch

Inputs = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Judged:
    """This process's rollouts with their rows of the data set, and the rewards of all processes' rollouts."""

    inputs: Inputs
    rollouts: Rollouts
    rewarded: Rewarded
    rewards_s: float = 0.0


@dataclass(frozen=True)
class Judge:
    """Rolls out rows of the data set and has their answers judged.

    `rewards` calls the reward functions (F) and returns what they say of the answers of all processes, (N, F), which
    `weights_F` weighs; `gather` concatenates tensors of all processes.
    """

    collector: Collector
    scorer: Scorer
    rewards: Callable[[Completions], "torch.Tensor"]
    weights_F: "torch.Tensor"
    gather: Callable[["torch.Tensor"], "torch.Tensor"]

    def __call__(self, inputs: Inputs, group: int) -> Judged:
        """Judge a batch, whose rows come `group` times in a row. A group may lie across processes."""
        import torch

        rollouts = self.collector.collect([example["prompt"] for example in inputs], group)
        start = time.perf_counter()
        shown = self.scorer.completions(inputs, rollouts, self.collector)
        rewards_NF = self.rewards(shown)
        answered_N = torch.tensor([bool(ids) for ids in shown.ids], device=rewards_NF.device)
        truncation_RS = torch.tensor([one.stem.truncation for one in rollouts.rows], device=rewards_NF.device)
        rewarded = self.scorer.rewarded(
            rewards_NF, self.weights_F, self.gather(answered_N), self.gather(truncation_RS), group
        )
        return Judged(inputs, rollouts, rewarded, time.perf_counter() - start)
