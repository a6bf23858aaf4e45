"""What a BRPO run logs about its rollouts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anytime_training.algorithm.advantages import thinking_advantages, thinking_returns
from anytime_training.algorithm.credit import Rewarded
from anytime_training.rollouts.collector import Collector, Rollouts
from anytime_training.trees.packing import Packed

if TYPE_CHECKING:
    import torch


def counts(rollouts: Rollouts, rows: Sequence[Packed]) -> list[list[float]]:
    """Count, for each rollout, what the metrics are made of.

    The columns: thinking tokens, 1 if it ended by itself, answer tokens, answers, its tokens as one sequence an answer,
    and as a tree.
    """
    return [
        [
            stem.length,
            float(stem.ended),
            sum(map(len, replies)),
            sum(map(bool, replies)),
            row.separate_tokens,
            row.whole_tokens,
        ]
        for stem, replies, row in zip(rollouts.stems, rollouts.answers, rows, strict=True)
    ]


def metrics(rewarded: Rewarded, budgets: Sequence[int], counts_RC: "torch.Tensor") -> dict[str, float]:
    """Means over the rollouts, and the variance of the thinking advantage of each segment under each baseline.

    Segments that no rollout reached by thinking do not count in a variance. `packing_ratio` compares with whole trees,
    identical answers merged: what `compact` leaves out of training counts.
    """
    totals = counts_RC.double()
    length, ended, answer_tokens, answers, separate, packed = totals.sum(0).tolist()
    values = {
        "anytime_reward": rewarded.anytime_BG.mean().item(),
        "thinking/mean_length": length / len(totals),
        "thinking/ended": ended / len(totals),
        "answers/mean_length": answer_tokens / max(answers, 1.0),
        "packing_ratio": separate / max(packed, 1.0),
    }
    for budget, reward in zip(budgets, rewarded.rewards_BGSA.mean((0, 1, 3)).tolist(), strict=True):
        values[f"reward/{budget}"] = reward
    return values | _variances(rewarded, budgets)


def _variances(rewarded: Rewarded, budgets: Sequence[int]) -> dict[str, float]:
    import torch

    returns = thinking_returns(rewarded.rewards_BGSA, rewarded.prior_S)
    brpo_BGS = thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S)
    thought_BGS = rewarded.truncation_BGS == torch.arange(len(budgets), device=brpo_BGS.device)
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


def samples(rollouts: Rollouts, collector: Collector, answers: int) -> list[str]:
    """A text a rollout to look at: its thinking, then a line a budget with the first of its `answers`."""
    texts = []
    for stem, replies in zip(rollouts.stems, rollouts.answers, strict=True):
        firsts = zip(collector.budgets, replies[::answers], strict=True)
        lines = [f"[{budget}]{collector.text(reply)}" for budget, reply in firsts]
        texts.append("\n".join([collector.text(stem.trunk_ids), *lines]))
    return texts
