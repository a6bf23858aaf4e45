"""Advantages against plain loops over the published formulas, and the laws that they obey."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anytime_training.algorithm.advantages import (
    budget_prior,
    interim_advantages,
    thinking_advantages,
    thinking_returns,
)

PRIORS = ["uniform", "linear", "base", "weights"]
MODES = ["brpo", "v1", "v2", "none"]


def prior_of(name, S):
    budgets = [100 * (index + 1) for index in range(S)]
    return budget_prior([1.0 + (7 * index) % 3 for index in range(S)] if name == "weights" else name, budgets)


def expected_thinking(rewards, prior, mode):
    """One rollout and one segment at a time; `rewards[b][g][s]` lists the rewards of the answers at a budget."""
    result = []
    for group in rewards:
        scores = [[sum(answers) / len(answers) for answers in rollout] for rollout in group]
        G, S = len(scores), len(prior)
        rows = []
        for own in scores:
            row = []
            for s in range(S):
                gained = [sum(prior[j] * other[j] for j in range(s, S)) for other in scores]
                mine = sum(prior[j] * own[j] for j in range(s, S))
                others = sum(gained) / G if G > 1 else 0.0
                past = 0.0
                if s > 0:
                    recent = sum(2.0**j * own[j] for j in range(s)) / sum(2.0**j for j in range(s))
                    past = recent * sum(prior[s:])
                blended = (s * past + (S - s) * others) / S
                row.append(mine - {"brpo": blended, "v1": past, "v2": others, "none": 0.0}[mode])
            rows.append(row)
        result.append(rows)
    return result


def expected_interim(rewards, ends):
    """`ends[b][g]` is the index of the first budget that reaches the end of the thinking."""
    result = []
    for group, group_ends in zip(rewards, ends, strict=True):
        rows = []
        for rollout, end in zip(group, group_ends, strict=True):
            row = []
            for s, answers in enumerate(rollout):
                if len(answers) == 1:
                    pool = [other[s][0] for other in group]
                else:
                    budgets = [s] if s < end else range(end, len(rollout))
                    pool = [reward for budget in budgets for reward in rollout[budget]]
                row.append([reward - sum(pool) / len(pool) for reward in answers])
            rows.append(row)
        result.append(rows)
    return result


def truncations(ends_BG, S):
    return torch.minimum(torch.arange(S), ends_BG.unsqueeze(-1))


GROUPS = st.integers(1, 4)


@st.composite
def rollouts(draw, groups=GROUPS):
    """Rewards (2, G, S, A) and the budget at which each rollout had ended."""
    G, S, A = draw(groups), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    values = draw(st.lists(st.floats(0, 1), min_size=2 * G * S * A, max_size=2 * G * S * A))
    ends = draw(st.lists(st.integers(0, S - 1), min_size=2 * G, max_size=2 * G))
    return torch.tensor(values, dtype=torch.float64).view(2, G, S, A), torch.tensor(ends).view(2, G)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("S", [1, 2, 4, 8])
def test_thinking_advantages_are_those_of_the_formula(S, prior, mode):
    generator = torch.Generator().manual_seed(S)
    prior_S = prior_of(prior, S)
    for G in (1, 2, 8):
        for A in (1, 2, 4):
            rewards = torch.rand(2, G, S, A, generator=generator, dtype=torch.float64)
            expected = torch.tensor(expected_thinking(rewards.tolist(), prior_S.tolist(), mode), dtype=torch.float64)
            torch.testing.assert_close(thinking_advantages(rewards, prior_S, mode), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("A", [1, 2, 4])
@pytest.mark.parametrize("G", [1, 2, 8])
@pytest.mark.parametrize("S", [1, 2, 4, 8])
def test_interim_advantages_pool_the_answers_to_the_same_thinking(S, G, A):
    generator = torch.Generator().manual_seed(S)
    rewards = torch.rand(3, G, S, A, generator=generator, dtype=torch.float64)
    ends = torch.randint(0, S, (3, G), generator=generator)
    expected = torch.tensor(expected_interim(rewards.tolist(), ends.tolist()), dtype=torch.float64)
    torch.testing.assert_close(interim_advantages(rewards, truncations(ends, S)), expected, atol=1e-6, rtol=0)


@given(rollouts(st.integers(2, 4)), st.sampled_from(PRIORS))
def test_group_baseline_advantages_sum_to_zero_over_a_group(rollout, prior):
    rewards, _ = rollout
    sums = thinking_advantages(rewards, prior_of(prior, rewards.shape[2]), "v2").sum(1)
    torch.testing.assert_close(sums, torch.zeros_like(sums), atol=1e-9, rtol=0)


@given(rollouts(st.integers(2, 4)), st.sampled_from(PRIORS), st.floats(-2, 2))
def test_a_constant_added_to_all_rewards_changes_no_advantage_of_a_group(rollout, prior, constant):
    rewards, ends = rollout
    prior_S, cuts = prior_of(prior, rewards.shape[2]), truncations(ends, rewards.shape[2])
    for mode in ("brpo", "v2"):
        before, after = (thinking_advantages(values, prior_S, mode) for values in (rewards, rewards + constant))
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        interim_advantages(rewards + constant, cuts), interim_advantages(rewards, cuts), atol=1e-9, rtol=0
    )


@given(rollouts(st.just(1)), st.sampled_from(PRIORS), st.floats(-2, 2))
def test_a_constant_reaches_a_lone_rollout_as_far_as_the_group_would_have_predicted_it(rollout, prior, constant):
    rewards, _ = rollout
    S = rewards.shape[2]
    prior_S = prior_of(prior, S).double()
    moved = thinking_advantages(rewards + constant, prior_S) - thinking_advantages(rewards, prior_S)
    ahead_S = torch.tensor([float(prior_S[s:].sum()) for s in range(S)], dtype=torch.float64)
    expected = constant * ahead_S * (S - torch.arange(S)) / S
    torch.testing.assert_close(moved, expected.expand_as(moved), atol=1e-9, rtol=0)


@given(rollouts())
def test_interim_advantages_sum_to_zero_over_each_pool(rollout):
    rewards, ends = rollout
    _, G, S, A = rewards.shape
    cuts = truncations(ends, S)
    advantages = interim_advantages(rewards, cuts)
    if A == 1:
        sums = advantages.sum(1)
        torch.testing.assert_close(sums, torch.zeros_like(sums), atol=1e-9, rtol=0)
        return
    for b in range(2):
        for g in range(G):
            for cut in cuts[b, g].unique():
                assert abs(advantages[b, g][cuts[b, g] == cut].sum()) < 1e-9


@given(rollouts(st.integers(2, 4)))
def test_one_budget_and_one_answer_are_grpo_without_division_by_the_deviation(rollout):
    rewards = rollout[0][:, :, :1, :1]
    expected = rewards - rewards.mean(1, keepdim=True)
    thinking = thinking_advantages(rewards, budget_prior("linear", [64]))
    torch.testing.assert_close(thinking, expected.squeeze(-1), atol=1e-9, rtol=0)
    cuts = torch.zeros(rewards.shape[:3], dtype=torch.long)
    torch.testing.assert_close(interim_advantages(rewards, cuts), expected, atol=1e-9, rtol=0)


@given(rollouts(), st.integers(0, 4), st.floats(-1, 1))
def test_thinking_is_credited_with_no_reward_of_an_earlier_budget(rollout, at, change):
    """Without baselines, a reward at a budget moves the segments up to it only."""
    rewards, _ = rollout
    at = min(at, rewards.shape[2] - 1)
    prior_S = prior_of("uniform", rewards.shape[2])
    changed = rewards.clone()
    changed[:, 0, at] += change
    moved = thinking_advantages(changed, prior_S, "none") - thinking_advantages(rewards, prior_S, "none")
    torch.testing.assert_close(moved[:, 0, at + 1 :], torch.zeros_like(moved[:, 0, at + 1 :]), atol=1e-9, rtol=0)
    expected = torch.full_like(moved[:, 0, : at + 1], change * prior_S[at].item())
    torch.testing.assert_close(moved[:, 0, : at + 1], expected, atol=1e-7, rtol=0)


def test_the_first_segment_has_no_past_and_a_lone_rollout_no_group():
    rewards = torch.rand(2, 1, 3, 2, generator=torch.Generator().manual_seed(0))
    returns = thinking_returns(rewards, prior_of("uniform", 3))
    assert not returns.v1[..., 0].any()
    assert not returns.v2.any()


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ("uniform", [0.25] * 4),
        ("linear", [0.1, 0.2, 0.3, 0.4]),
        ("base", [0.0, 0.0, 0.0, 1.0]),
        ([2, 0, 1, 1], [0.5, 0.0, 0.25, 0.25]),
    ],
)
def test_a_prior_weighs_each_budget(prior, expected):
    torch.testing.assert_close(budget_prior(prior, [2000, 4000, 6000, 8000]), torch.tensor(expected))


@pytest.mark.parametrize("prior", ["square", [1.0], [0.0, 0.0], [2.0, -1.0], [1.0, 1.0, 1.0], [float("nan"), 1.0]])
def test_a_prior_that_is_no_distribution_is_an_error(prior):
    with pytest.raises(ValueError, match="prior"):
        budget_prior(prior, [10, 20])


def test_an_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="'v3' is unknown; known: brpo, v1, v2, none"):
        thinking_advantages(torch.zeros(1, 2, 2, 2), torch.tensor([0.5, 0.5]), "v3")


# Answers that no reward function scored


def unscored(rewards_BGSA, share=0.3, seed=0):
    """The same rewards, some of them not numbers."""
    missing = torch.rand(rewards_BGSA.shape, generator=torch.Generator().manual_seed(seed)) < share
    return rewards_BGSA.masked_fill(missing, torch.nan)


def test_one_budget_and_one_answer_leave_an_unscored_rollout_out_as_grpo_does():
    rewards_BGSA = torch.tensor([1.0, 0.0, torch.nan, 0.5]).view(1, 4, 1, 1)
    expected = torch.tensor([0.5, -0.5, 0.0, 0.0])
    thinking = thinking_advantages(rewards_BGSA, torch.ones(1))
    interim = interim_advantages(rewards_BGSA, torch.zeros(1, 4, 1, dtype=torch.long))
    torch.testing.assert_close(thinking.flatten(), expected)
    torch.testing.assert_close(interim.flatten(), expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_wholly_unscored_rollout_changes_no_other(mode):
    rewards_BGSA, prior_S = torch.rand(2, 4, 3, 2, dtype=torch.float64), prior_of("weights", 3).double()
    rewards_BGSA[:, 1] = torch.nan
    others = [0, 2, 3]
    advantages = thinking_advantages(rewards_BGSA, prior_S, mode)
    torch.testing.assert_close(advantages[:, others], thinking_advantages(rewards_BGSA[:, others], prior_S, mode))
    assert not advantages[:, 1].any()


def test_an_unscored_answer_leaves_the_mean_of_the_others():
    rewards_BGSA = torch.tensor([1.0, 0.0, torch.nan, 1.0]).view(1, 1, 1, 4)
    thirds = interim_advantages(rewards_BGSA, torch.zeros(1, 1, 1, dtype=torch.long)).flatten()
    torch.testing.assert_close(thirds, torch.tensor([1 / 3, -2 / 3, 0.0, 1 / 3]))
    known = torch.tensor([2 / 3]).expand(1, 2, 1)
    returns = thinking_returns(rewards_BGSA.expand(1, 2, 1, 4), torch.ones(1)).returns
    torch.testing.assert_close(returns, known)


def test_thinking_before_an_unscored_budget_has_no_advantage_and_what_follows_has():
    rewards_BGSA = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]).view(1, 2, 3, 1)
    rewards_BGSA[0, 0, 1] = torch.nan
    advantages = thinking_advantages(rewards_BGSA, torch.ones(3) / 3, "v2")[0]
    assert advantages[0].tolist() == pytest.approx([0.0, 0.0, 1 / 6])
    assert advantages[1].tolist() == pytest.approx([0.0, 0.0, -1 / 6])


def test_an_unscored_budget_that_the_prior_does_not_count_takes_nothing_away():
    rewards_BGSA = torch.rand(1, 3, 3, 2)
    prior_S = prior_of("base", 3)
    whole = thinking_advantages(rewards_BGSA, prior_S, "v2")
    rewards_BGSA[:, :, 0] = torch.nan
    torch.testing.assert_close(thinking_advantages(rewards_BGSA, prior_S, "v2"), whole)


@pytest.mark.parametrize("A", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_advantages_are_numbers_whatever_is_not_scored(A, mode):
    rewards_BGSA = unscored(torch.rand(6, 4, 3, A), 0.5)
    truncation_BGS = torch.tensor([0, 1, 1]).expand(6, 4, 3)
    interim = interim_advantages(rewards_BGSA, truncation_BGS)
    assert interim.isfinite().all()
    assert not interim[rewards_BGSA.isnan()].any()
    assert thinking_advantages(rewards_BGSA, prior_of("linear", 3), mode).isfinite().all()
