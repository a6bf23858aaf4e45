"""Rollouts and their rewards without a trainer, on two processes."""

from dataclasses import replace

import torch

from anytime_training.algorithm.advantages import budget_prior
from anytime_training.algorithm.credit import BudgetRelative
from anytime_training.brpo.judge import Judge
from anytime_training.brpo.scoring import Scorer
from anytime_training.rollouts.collector import Collector, Rollout, Rollouts
from anytime_training.trees.forks import plan
from tiny_rollouts import BUDGETS, EOS, FORMAT, Letters

S, A = len(BUDGETS), 2


class Scripted(Collector):
    """Rolls out one rollout that thinks to the end and one that ends its turn."""

    def collect(self, prompts, group):
        stems = [plan([9], [8] * 12, BUDGETS, FORMAT), plan([9], [8, 8, EOS], BUDGETS, FORMAT)]
        return Rollouts(
            [Rollout(one, [[10] if one.prompt_of(slot // A) else [] for slot in range(S * A)]) for one in stems]
        )


def test_a_batch_has_the_rewards_and_the_cuts_of_all_processes():
    shown = []

    def rewards(completions):
        shown.append(completions)
        own = torch.ones(len(completions.ids), 1)
        return torch.cat([own, 0.5 * own])  # the other process's answers earn half

    scorer = Scorer(BUDGETS, A, budget_prior("uniform", BUDGETS), BudgetRelative())
    judge = Judge(
        Scripted(None, Letters(), FORMAT, BUDGETS),
        scorer,
        rewards,
        torch.tensor([2.0]),
        lambda own: torch.cat([own, own]),
    )
    inputs = [{"prompt": "HI"}, {"prompt": "HI"}]
    judged = judge(inputs, 2)
    assert judged.inputs == inputs
    assert len(shown[0].ids) == 2 * S * A
    answered = torch.tensor([[[bool(ids)] * A for ids in row.answers[::A]] for row in judged.rollouts.rows])
    assert judged.rewarded.rewards_BGSA.shape == (2, 2, S, A)
    torch.testing.assert_close(judged.rewarded.rewards_BGSA[0], 2.0 * answered.double())
    torch.testing.assert_close(judged.rewarded.rewards_BGSA[1], 1.0 * answered.double())
    assert judged.rewarded.truncation_BGS.tolist() == [[[0, 1, 2], [0, 0, 0]]] * 2
    assert judged.rewards_s >= 0
    assert replace(judge, weights_F=torch.tensor([1.0]))(inputs, 4).rewarded.rewards_BGSA.shape == (1, 4, S, A)
