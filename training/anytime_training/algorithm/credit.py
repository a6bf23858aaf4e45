"""Credit rules: from the rewards of a batch to the advantages of its thinking and of its answers.

A rule is any callable of the type `CreditRule`, so that another way to credit tokens needs no other trainer.
Dimensions: B prompts, G rollouts, S budgets, A answers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from anytime_training.algorithm.advantages import (
    VarianceReduction,
    interim_advantages,
    thinking_advantages,
    thinking_returns,
)

if TYPE_CHECKING:
    import torch

EQUAL = 1e-8
"""Rewards that differ by less are equal."""


@dataclass(frozen=True)
class Rewarded:
    """Rewards of all processes' answers, which budgets share a cut, and the prior.

    A reward that is not a number belongs to an answer that no reward function scored. `truncation_BGS` holds for each
    budget the index of the first budget that cuts the thinking at the same place.
    """

    rewards_BGSA: "torch.Tensor"
    truncation_BGS: "torch.Tensor"
    prior_S: "torch.Tensor"

    @property
    def anytime_BG(self) -> "torch.Tensor":
        """The objective: a rollout's mean reward at each budget, weighted by the prior.

        Not a number where a budget that counts has no scored answer.
        """
        return thinking_returns(self.rewards_BGSA, self.prior_S).returns[..., 0]

    @property
    def equal_B(self) -> "torch.Tensor":
        """Whether all scored rewards of a group are equal, at every budget: nothing tells its rollouts apart."""
        rewards_BN, inf = self.rewards_BGSA.flatten(1), float("inf")
        return rewards_BN.nan_to_num(nan=-inf).amax(1) <= rewards_BN.nan_to_num(nan=inf).amin(1) + EQUAL


class Advantages(NamedTuple):
    """Advantages of the thinking tokens of each segment, and of each answer."""

    thinking_BGS: "torch.Tensor"
    interim_BGSA: "torch.Tensor"


class CreditRule(Protocol):
    """Says how much better than expected each segment of thinking and each answer was.

    It is called once a batch with the rewards of all processes, and must say the same in each. A segment is the
    thinking between two budgets; where the thinking ended before it, its advantage is not used. An advantage that is
    not a number, as unscored answers give, counts as 0.
    """

    def __call__(self, rewarded: Rewarded, /) -> Advantages:
        """The advantages of a batch, of the rewards' dtype."""
        ...


@dataclass(frozen=True)
class BudgetRelative:
    """BRPO's rule; see `advantages`."""

    variance_reduction: VarianceReduction = "brpo"

    def __call__(self, rewarded: Rewarded, /) -> Advantages:
        """The advantages of a batch."""
        return Advantages(
            thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S, self.variance_reduction),
            interim_advantages(rewarded.rewards_BGSA, rewarded.truncation_BGS),
        )
