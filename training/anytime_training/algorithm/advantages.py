"""Budget Relative Policy Optimization: advantages of thinking and of interim answers.

A rollout's thinking is cut at S budgets b_0 < ... < b_{S-1}, and A answers are sampled at each cut. With r_s the mean
reward of the answers at budget s and P the prior over budgets, thinking tokens of segment s (between b_{s-1} and b_s)
can change the rewards from s on only:

    R_s  = sum_{j>=s} P_j r_j                                                the return of segment s
    V1_s = (sum_{j<s} 2^j r_j / sum_{j<s} 2^j) * sum_{j>=s} P_j              what this rollout's past predicts; 0 at s=0
    V2_s = mean of R_s over the group                                        what the group predicts; 0 if G = 1
    advantage_s = R_s - (s V1_s + (S - s) V2_s) / S

There is no division by a standard deviation. With S = 1 this is GRPO without it (Dr. GRPO).

A reward that is not a number belongs to an answer that no reward function scored. It is left out of every mean. The
answer has advantage 0, and so has thinking whose return is not known, because a budget after it has no scored answer.

Source: Qi et al., "Optimizing Anytime Reasoning via Budget Relative Policy Optimization", arXiv 2505.13438, section 3,
and the authors' implementation (sail-sg/AnytimeReasoner). Dimensions: B prompts, G rollouts, S budgets, A answers.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import torch

Prior = Literal["uniform", "linear", "base"]
VarianceReduction = Literal["brpo", "v1", "v2", "none"]
V1_DISCOUNT = 2.0


class ThinkingReturns(NamedTuple):
    """What the thinking advantage is made of; each (B, G, S)."""

    returns: "torch.Tensor"
    v1: "torch.Tensor"
    v2: "torch.Tensor"


def budget_prior(prior: "Prior | Sequence[float]", budgets: Sequence[int]) -> "torch.Tensor":
    """The probability of each budget, (S,) float32, summing to 1.

    `uniform` weighs budgets equally, `linear` by their size, `base` gives everything to the largest; a sequence holds
    one weight per budget.

    Raises:
        ValueError: if the name is unknown, or weights are negative, all zero, or not one per budget.
    """
    import torch

    named = {"uniform": [1.0] * len(budgets), "linear": list(budgets), "base": [0.0] * (len(budgets) - 1) + [1.0]}
    if isinstance(prior, str) and prior not in named:
        raise ValueError(f"prior {prior!r} is unknown; known: {', '.join(named)}, or one weight per budget")
    weights = torch.tensor(named[prior] if isinstance(prior, str) else list(prior), dtype=torch.float32)
    valid = len(weights) == len(budgets) and bool((weights >= 0).all())
    if not valid or not 0 < float(weights.sum()) < float("inf"):
        raise ValueError(f"prior {list(prior)} must hold {len(budgets)} weights, one per budget, not all zero")
    return weights / weights.sum()


def thinking_returns(rewards_BGSA: "torch.Tensor", prior_S: "torch.Tensor") -> ThinkingReturns:
    """The return of each segment and its two baselines; not a number where the return is not known."""
    import torch

    r_BGS = rewards_BGSA.nanmean(-1)
    B, G, S = r_BGS.shape
    ahead_S = prior_S.flip(0).cumsum(0).flip(0)
    counted_BGS = torch.where(prior_S == 0, 0.0, r_BGS * prior_S)
    returns_BGS = counted_BGS.flip(-1).cumsum(-1).flip(-1)
    weights_BGS = (V1_DISCOUNT ** torch.arange(S, dtype=r_BGS.dtype, device=r_BGS.device)) * ~r_BGS.isnan()
    past_BGS = (r_BGS.nan_to_num(0.0) * weights_BGS).cumsum(-1) / weights_BGS.cumsum(-1).clamp(min=1.0)
    v1_BGS = torch.cat([r_BGS.new_zeros(B, G, 1), past_BGS[..., :-1]], dim=-1) * ahead_S
    v2_BGS = returns_BGS.nanmean(1, keepdim=True).expand(B, G, S) if G > 1 else torch.zeros_like(returns_BGS)
    return ThinkingReturns(returns_BGS, v1_BGS, v2_BGS)


def thinking_advantages(
    rewards_BGSA: "torch.Tensor", prior_S: "torch.Tensor", variance_reduction: VarianceReduction = "brpo"
) -> "torch.Tensor":
    """The advantage (B, G, S) of the thinking tokens of each segment.

    `variance_reduction` picks the baseline: both (`brpo`), `v1` or `v2` alone, or `none`.

    Raises:
        ValueError: if the mode is unknown.
    """
    import torch

    returns_BGS, v1_BGS, v2_BGS = thinking_returns(rewards_BGSA, prior_S.to(rewards_BGSA))
    S = returns_BGS.shape[-1]
    share_S = torch.arange(S, dtype=returns_BGS.dtype, device=returns_BGS.device) / S
    match variance_reduction:
        case "brpo":
            baseline_BGS = share_S * v1_BGS + (1 - share_S) * v2_BGS
        case "v1":
            baseline_BGS = v1_BGS
        case "v2":
            baseline_BGS = v2_BGS
        case "none":
            baseline_BGS = torch.zeros_like(returns_BGS)
        case _:
            raise ValueError(f"variance_reduction {variance_reduction!r} is unknown; known: brpo, v1, v2, none")
    return (returns_BGS - baseline_BGS).nan_to_num(0.0)


def interim_advantages(rewards_BGSA: "torch.Tensor", truncation_BGS: "torch.Tensor") -> "torch.Tensor":
    """The advantage (B, G, S, A) of each answer: its reward minus the mean over the answers of the same thinking.

    `truncation_BGS` holds for each budget the index of the first budget that cuts the thinking at the same place:
    budgets after an early end share one, and their answers are pooled. With A = 1 there is nothing of the same thinking
    to compare with, and the baseline is the mean over the group at the same budget.
    """
    import torch

    if rewards_BGSA.shape[-1] == 1:
        return (rewards_BGSA - rewards_BGSA.nanmean(1, keepdim=True)).nan_to_num(0.0)
    same_BGSS = (truncation_BGS.unsqueeze(-1) == truncation_BGS.unsqueeze(-2)).to(rewards_BGSA)
    scored_BGS = (~rewards_BGSA.isnan()).sum(-1).to(rewards_BGSA)
    sums_BGS = torch.einsum("bgst,bgt->bgs", same_BGSS, rewards_BGSA.nansum(-1))
    means_BGS = sums_BGS / torch.einsum("bgst,bgt->bgs", same_BGSS, scored_BGS)
    return (rewards_BGSA - means_BGS.unsqueeze(-1)).nan_to_num(0.0)
