"""The credit of S-GRPO: exits of one thinking compete, and each right exit halves what later ones are worth.

With r_j = 1 / 2^(right exits before j) for a right exit j and 0 for a wrong one, an exit's advantage is A_j = r_j minus
the mean over the exits of the same thinking. Each exit is an output of its own: A_j credits the answer at j and all
thinking before it, so that thinking of segment s has the sum of A_j over j >= s; both are divided by the exits. Exits
lie at the budgets, not at random places; those after the thinking's own end are none.

Source: Dai et al., "S-GRPO: Early Exit via Reinforcement Learning in Reasoning Models", arXiv 2505.07686. Dimensions: B
prompts, G rollouts, S budgets, A answers.
"""

from typing import TYPE_CHECKING

from anytime_training.algorithm.credit import Advantages, Rewarded

if TYPE_CHECKING:
    import torch


def decaying_exits(rewarded: Rewarded) -> Advantages:
    """The advantages of a batch with one answer at each budget.

    Raises:
        ValueError: if there are more answers at a budget.
    """
    import torch

    [right_BGS] = rewarded.rewards_BGSA.unbind(-1)
    S = right_BGS.shape[-1]
    exits_BGS = (rewarded.truncation_BGS == torch.arange(S, device=right_BGS.device)).to(right_BGS)
    right_BGS = right_BGS * exits_BGS
    reward_BGS = right_BGS * 0.5 ** _before(right_BGS)
    count_BG1 = exits_BGS.sum(-1, keepdim=True)
    advantage_BGS = (reward_BGS - reward_BGS.sum(-1, keepdim=True) / count_BG1) * exits_BGS / count_BG1
    thinking_BGS = advantage_BGS.flip(-1).cumsum(-1).flip(-1)
    return Advantages(thinking_BGS, advantage_BGS.unsqueeze(-1))


def _before(values_BGS: "torch.Tensor") -> "torch.Tensor":
    """The sum of what stands before each place."""
    return values_BGS.cumsum(-1) - values_BGS
