"""What a BRPO run logs about its rollouts, and about the gap between the policy that sampled and the trained one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anytime_training.algorithm.advantages import thinking_advantages, thinking_returns
from anytime_training.algorithm.credit import Rewarded
from anytime_training.rollouts.collector import Collector, Rollouts
from anytime_training.trees.packing import Packed

if TYPE_CHECKING:
    import torch

PACKED_TOKENS = 5
"""The column of `counts` with the tokens of trees."""


def counts(rollouts: Rollouts, rows: Sequence[Packed], budgets: Sequence[int]) -> list[list[float]]:
    """Count, for each rollout, what the metrics are made of.

    The columns: thinking tokens, 1 if it ended by itself, answer tokens, answers, its tokens as one sequence an answer,
    and as a tree, and for each budget 1 if it cut the thinking off.
    """
    return [
        [
            one.stem.length,
            float(one.stem.ended),
            sum(map(len, one.answers)),
            sum(map(bool, one.answers)),
            row.separate_tokens,
            row.whole_tokens,
            *(float(one.stem.length >= budget) for budget in budgets),
        ]
        for one, row in zip(rollouts.rows, rows, strict=True)
    ]


def metrics(rewarded: Rewarded, budgets: Sequence[int], counts_RC: "torch.Tensor") -> dict[str, float]:
    """Means over the rollouts of all processes, and variances of the thinking advantages.

    `frac_reward_zero_std` is the share of groups whose rewards are all equal. `truncation_ratio/b` is the share of
    rollouts whose thinking budget b cut off. `packing_ratio` compares with whole trees, identical answers merged: what
    `compact` leaves out of training counts. What no rollout tells is left out.
    """
    length, ended, answer_tokens, answers, separate, packed, *cut_S = counts_RC.double().sum(0).tolist()
    values = {
        "anytime_reward": rewarded.anytime_BG.nanmean().item(),
        "frac_reward_zero_std": rewarded.equal_B.double().mean().item(),
        "thinking/mean_length": length / len(counts_RC),
        "thinking/ended": ended / len(counts_RC),
        "answers/mean_length": answer_tokens / max(answers, 1.0),
        "packing_ratio": separate / max(packed, 1.0),
    }
    for budget, reward, cut in zip(budgets, rewarded.rewards_BGSA.nanmean((0, 1, 3)).tolist(), cut_S, strict=True):
        values |= {f"reward/{budget}": reward, f"truncation_ratio/{budget}": cut / len(counts_RC)}
    return _numbers(values | _variances(rewarded, budgets))


def _variances(rewarded: Rewarded, budgets: Sequence[int]) -> dict[str, float]:
    """The variance of the thinking advantage of each segment under each baseline, over those who thought in it."""
    import torch

    returns = thinking_returns(rewarded.rewards_BGSA, rewarded.prior_S)
    brpo_BGS = thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S)
    thought_BGS = rewarded.truncation_BGS == torch.arange(len(budgets), device=brpo_BGS.device)
    thought_BGS = thought_BGS & ~returns.returns.isnan()
    kinds = {
        "brpo": brpo_BGS,
        "v1": returns.returns - returns.v1,
        "v2": returns.returns - returns.v2,
        "none": returns.returns,
    }
    values = {}
    for name, advantages_BGS in kinds.items():
        for index, budget in enumerate(budgets):
            chosen = advantages_BGS[..., index][thought_BGS[..., index]]
            if len(chosen) > 1:
                values[f"variance/{name}/{budget}"] = chosen.var(correction=0).item()
    return values


def sampling_statistics(gap_BC: "torch.Tensor", ratio_BC: "torch.Tensor", mask_BC: "torch.Tensor") -> "torch.Tensor":
    """What one process says of its sampled tokens, (1, 5) float32: see `sampling_metrics`; NaN where it has none.

    `gap_BC` is the log-probability in training minus that in sampling, NaN where the sampler told none; `ratio_BC` the
    importance ratio; `mask_BC` says which tokens count.
    """
    import torch

    gaps, ratios = gap_BC[mask_BC & ~gap_BC.isnan()].abs().float(), ratio_BC[mask_BC].float()
    nothing = torch.full((1,), torch.nan, device=gap_BC.device)
    gaps, ratios = (values if len(values) else nothing for values in (gaps, ratios))
    return torch.stack([gaps.mean(), gaps.max(), ratios.min(), ratios.mean(), ratios.max()]).unsqueeze(0)


def sampling_metrics(statistics_P5: "torch.Tensor") -> dict[str, float]:
    """TRL's `sampling/` metrics, from the statistics of all processes."""
    mean_gap_P, max_gap_P, min_P, mean_P, max_P = statistics_P5.unbind(1)
    values = {
        "sampling/sampling_logp_difference/mean": mean_gap_P.nanmean().item(),
        "sampling/sampling_logp_difference/max": max_gap_P.nan_to_num(nan=0.0).max().item(),
        "sampling/importance_sampling_ratio/min": min_P.nan_to_num(nan=float("inf")).min().item(),
        "sampling/importance_sampling_ratio/mean": mean_P.nanmean().item(),
        "sampling/importance_sampling_ratio/max": max_P.nan_to_num(nan=0.0).max().item(),
    }
    return _numbers(values) if not mean_P.isnan().all() else {}


def _numbers(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value == value}


def samples(rollouts: Rollouts, collector: Collector, answers: int) -> list[str]:
    """A text a rollout to look at: its thinking, then a line a budget with the first of its `answers`."""
    texts = []
    for one in rollouts.rows:
        firsts = zip(collector.budgets, one.answers[::answers], strict=True)
        lines = [f"[{budget}]{collector.text(reply)}" for budget, reply in firsts]
        texts.append("\n".join([collector.text(one.stem.trunk_ids), *lines]))
    return texts
