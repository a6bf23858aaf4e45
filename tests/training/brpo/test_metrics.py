"""Metrics of rollouts and of sampling, from plain tensors."""

from random import Random

import pytest
import torch

from anytime_training.algorithm.credit import Rewarded
from anytime_training.brpo.metrics import counts, metrics, sampling_metrics, sampling_statistics
from anytime_training.rollouts.collector import Rollout, Rollouts
from anytime_training.trees.packing import Packed
from anytime_training.trees.row import TreeRow
from tiny_rollouts import BUDGETS, stem

S = len(BUDGETS)


def logged(rewards_BGSA, lengths):
    """The metrics of rollouts of these lengths; the largest budget is 12."""
    rng = Random(0)
    stems = [stem(rng, "cut" if length == BUDGETS[-1] else "marker", length) for length in lengths]
    rollouts = Rollouts([Rollout(one, [[8]] * S) for one in stems])
    rows = [Packed(1, TreeRow(), separate_tokens=30, whole_tokens=10) for _ in stems]
    truncation_BGS = torch.tensor([one.truncation for one in stems]).view(*rewards_BGSA.shape[:3])
    rewarded = Rewarded(rewards_BGSA.double(), truncation_BGS, torch.ones(S) / S)
    return metrics(rewarded, BUDGETS, torch.tensor(counts(rollouts, rows, BUDGETS)))


def test_the_truncation_ratio_is_the_share_of_thinking_that_a_budget_cut_off():
    values = logged(torch.rand(2, 2, S, 1), [12, 9, 5, 4])
    assert [values[f"truncation_ratio/{budget}"] for budget in BUDGETS] == [1.0, 0.5, 0.25]
    assert values["thinking/ended"] == 0.75
    assert values["packing_ratio"] == 3.0


def test_groups_of_equal_rewards_are_a_share_of_all():
    rewards_BGSA = torch.ones(4, 1, S, 1)
    rewards_BGSA[0, 0, 1] = 0.0
    assert logged(rewards_BGSA, [12] * 4)["frac_reward_zero_std"] == 0.75


def test_unscored_answers_are_no_part_of_a_mean_and_nothing_is_logged_of_none():
    rewards_BGSA = torch.ones(1, 2, S, 1)
    rewards_BGSA[0, 1] = torch.nan
    values = logged(rewards_BGSA, [12, 12])
    assert values["anytime_reward"] == pytest.approx(1.0)
    assert values["reward/4"] == 1.0
    assert "variance/brpo/4" not in values
    nothing = logged(torch.full((1, 2, S, 1), torch.nan), [12, 12])
    assert not {"anytime_reward", "reward/4"} & nothing.keys()
    assert all(value == value for value in nothing.values())


def test_sampling_metrics_are_those_of_the_tokens_that_count_in_all_processes():
    gap = torch.tensor([[0.1, -0.3, 5.0, torch.nan]])
    mask = torch.tensor([[True, True, False, True]])
    one = sampling_statistics(gap, torch.tensor([[1.1, 0.7, 9.0, 1.0]]), mask)
    other = sampling_statistics(gap + 0.5, torch.tensor([[2.0, 2.0, 2.0, 2.0]]), mask)
    nothing = sampling_statistics(gap, torch.ones(1, 4), torch.zeros(1, 4, dtype=torch.bool))
    values = sampling_metrics(torch.cat([one, other, nothing]))
    assert values == {
        "sampling/sampling_logp_difference/mean": pytest.approx((0.2 + 0.4) / 2),
        "sampling/sampling_logp_difference/max": pytest.approx(0.6),
        "sampling/importance_sampling_ratio/min": pytest.approx(0.7),
        "sampling/importance_sampling_ratio/mean": pytest.approx((2.8 / 3 + 2) / 2),
        "sampling/importance_sampling_ratio/max": pytest.approx(2.0),
    }
    assert sampling_metrics(nothing) == {}
