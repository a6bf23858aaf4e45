"""From rewards to rows, without a trainer: what reward functions see, which rule credits, which answers are trained."""

from random import Random

import pytest
import torch

from anytime_training.algorithm.advantages import budget_prior, interim_advantages, thinking_advantages
from anytime_training.algorithm.credit import Advantages, BudgetRelative, Rewarded
from anytime_training.brpo.scoring import Scorer
from anytime_training.rollouts.collector import Collector, Rollout, Rollouts
from tiny_rollouts import BUDGETS, ENDINGS, FORMAT, Letters, stem, words

GROUP, SAMPLES = 2, 2
S, A = len(BUDGETS), SAMPLES


def scorer(**changes):
    settings = {"budgets": BUDGETS, "samples": A, "prior_S": budget_prior("linear", BUDGETS)}
    return Scorer(**{**settings, "credit": BudgetRelative(), "compact": False, **changes})


def rolled(seed=0, endings=(*ENDINGS, "cut")):
    """Rollouts with answers that all differ."""
    rng = Random(seed)
    stems = [stem(rng, ending, 6) for ending in endings]
    answers = [[words(rng, 3) if one.prompt_of(slot // A) else [] for slot in range(S * A)] for one in stems]
    return Rollouts([Rollout(*pair) for pair in zip(stems, answers, strict=True)])


def judged(one, rollouts, seed=0):
    rewards_N1 = torch.rand(len(rollouts.rows) * S * A, 1, generator=torch.Generator().manual_seed(seed))
    return weighed(one, rollouts, rewards_N1, torch.ones(1))


def weighed(one, rollouts, rewards_NF, weights_F):
    answered_N = torch.tensor([bool(ids) for row in rollouts.rows for ids in row.answers])
    truncation_RS = torch.tensor([row.stem.truncation for row in rollouts.rows])
    return one.rewarded(rewards_NF, weights_F, answered_N, truncation_RS, GROUP)


def answer_advantages(row):
    """The advantage of each answer's tokens of a row that is not compact, in order."""
    starts = sorted({start for start, reach in zip(row.tree.start, row.tree.reach, strict=True) if reach})
    inside = [[i for i, at in enumerate(row.tree.start) if at == start and row.tree.weights[i]] for start in starts]
    return [{row.advantages[i] for i in indices} for indices in inside if indices]


def test_reward_functions_are_shown_the_cue_the_answer_and_its_row_at_each_budget():
    rollouts = rolled(endings=("cut", "eos"))
    collector = Collector(None, Letters(), FORMAT, BUDGETS)
    inputs = [{"prompt": "HI", "name": "a"}, {"prompt": "HO", "name": "b"}]
    shown = scorer().completions(inputs, rollouts, collector)
    assert [row["budget"] for row in shown.columns] == [budget for budget in BUDGETS for _ in range(A)] * 2
    assert [row["name"] for row in shown.columns] == ["a"] * (S * A) + ["b"] * (S * A)
    assert shown.prompts == ["HI"] * (S * A) + ["HO"] * (S * A)
    for text, ids in zip(shown.texts, shown.ids, strict=True):
        assert text == ("FG" + Letters().decode(ids) if ids else "")
    assert "" in shown.texts
    chats = [{"prompt": [{"role": "user", "content": "HI"}]}, {"prompt": [{"role": "user", "content": "HO"}]}]
    messages = scorer().completions(chats, rollouts, collector).texts
    assert messages == [[{"role": "assistant", "content": text}] for text in shown.texts]


def test_an_answer_that_there_is_not_earns_nothing():
    rollouts = rolled(endings=("eos", "cut"))
    rewarded = judged(scorer(), rollouts)
    answered_GSA = torch.tensor([[bool(ids) for ids in row.answers] for row in rollouts.rows]).view(1, GROUP, S, A)
    assert not rewarded.rewards_BGSA[~answered_GSA].any()
    assert rewarded.rewards_BGSA[answered_GSA].all()


def test_rows_have_the_advantages_of_their_rollouts_in_every_process():
    one, rollouts = scorer(), rolled(endings=("cut",) * 4)
    rewarded = judged(one, rollouts)
    thinking_BGS = thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S)
    interim_BGSA = interim_advantages(rewarded.rewards_BGSA, rewarded.truncation_BGS)
    for process in (0, 1):
        half = Rollouts(rollouts.rows[2 * process :][:2])
        for index, row in enumerate(one.rows(half, rewarded, process)):
            trunk = row.advantages[row.prompt_length : len(half.rows[index].stem.ids)]
            assert [trunk[budget - 1] for budget in BUDGETS] == pytest.approx(thinking_BGS[process, index].tolist())
            expected = interim_BGSA[process, index].flatten().tolist()
            assert [value for (value,) in answer_advantages(row)] == pytest.approx(expected)


@pytest.mark.parametrize(("train_answers", "trained"), [("all", S * A), ("last", 1), ("none", 0)])
def test_answers_are_trained_as_asked_and_thinking_always(train_answers, trained):
    one, rollouts = scorer(train_answers=train_answers), rolled(endings=("cut",) * 4)
    rewarded = judged(one, rollouts)
    for index, row in enumerate(one.rows(rollouts, rewarded, 0)):
        assert sum(values != {0.0} for values in answer_advantages(row)) == trained
        assert any(row.advantages[row.prompt_length : len(rollouts.rows[index].stem.ids)])
    everything = scorer().advantages(rewarded)
    assert torch.equal(one.advantages(rewarded).thinking_BGS, everything.thinking_BGS)
    if train_answers == "last":
        last_BG = one.advantages(rewarded).interim_BGSA[..., -1, -1]
        assert torch.equal(last_BG, everything.interim_BGSA[..., -1, -1])


def test_the_weight_of_answers_is_a_factor_of_their_advantages_alone():
    rewarded = judged(scorer(), rolled(endings=("cut",) * 4))
    whole, light = (scorer(answer_weight=weight).advantages(rewarded) for weight in (1.0, 0.25))
    assert whole.interim_BGSA.any()
    assert torch.equal(light.interim_BGSA, 0.25 * whole.interim_BGSA)
    assert torch.equal(light.thinking_BGS, whole.thinking_BGS)


def test_compact_rows_of_answers_without_gradient_are_the_thinking_alone():
    one, rollouts = scorer(train_answers="none", compact=True), rolled(endings=("cut",) * 4)
    for index, row in enumerate(one.rows(rollouts, judged(one, rollouts), 0)):
        assert row.tree.ids == list(rollouts.rows[index].stem.ids)


def test_another_credit_rule_is_a_function_of_the_rewards():
    seen = []

    def decaying(rewarded: Rewarded) -> Advantages:
        seen.append(rewarded)
        decay_S = 0.5 ** torch.arange(S, dtype=torch.float64)
        values_BGS = rewarded.rewards_BGSA.mean(-1) * decay_S
        return Advantages(values_BGS - values_BGS.mean(1, keepdim=True), torch.zeros_like(rewarded.rewards_BGSA))

    one, rollouts = scorer(credit=decaying), rolled(endings=("cut",) * 4)
    rewarded = judged(one, rollouts)
    rows = one.rows(rollouts, rewarded, 0)
    assert seen == [rewarded]
    expected_RS = decaying(rewarded).thinking_BGS.flatten(0, 1)
    for row, expected_S in zip(rows, expected_RS, strict=True):
        trunk = row.advantages[row.prompt_length :]
        assert [trunk[budget - 1] for budget in BUDGETS] == pytest.approx(expected_S.tolist())


def test_what_rounding_leaves_of_zero_is_no_advantage():
    rewarded = Rewarded(
        torch.full((1, 3, S, A), 0.1, dtype=torch.float64), torch.arange(S).expand(1, 3, S), torch.ones(S) / S
    )
    assert not any(values.any() for values in scorer().advantages(rewarded))


def test_several_rewards_are_weighed_and_an_answer_that_none_scores_has_none():
    rollouts = rolled(endings=("cut", "cut"))
    rewards_NF = torch.tensor([[1.0, 0.5], [torch.nan, 0.5], [torch.nan, torch.nan], [0.0, torch.nan]]).repeat(3, 1)
    rewarded = weighed(scorer(), rollouts, rewards_NF, torch.tensor([2.0, 3.0]))
    expected = torch.tensor([3.5, 1.5, torch.nan, 0.0], dtype=torch.float64).repeat(3)
    torch.testing.assert_close(rewarded.rewards_BGSA.flatten(), expected, equal_nan=True)
    assert all(values.isfinite().all() for values in scorer().advantages(rewarded))


def test_an_answer_that_there_is_not_earns_nothing_even_if_no_function_scores_it():
    rollouts = rolled(endings=("eos", "cut"))
    rewards_BGSA = weighed(scorer(), rollouts, torch.full((2 * S * A, 1), torch.nan), torch.ones(1)).rewards_BGSA
    answered_GSA = torch.tensor([[bool(ids) for ids in row.answers] for row in rollouts.rows]).view(1, GROUP, S, A)
    assert rewards_BGSA[answered_GSA].isnan().all()
    assert not rewards_BGSA[~answered_GSA].any()


@pytest.mark.parametrize(
    ("rewards", "equal"),
    [([1.0, 1.0], True), ([1.0, 0.0], False), ([1.0, torch.nan], True), ([torch.nan, torch.nan], True)],
)
def test_a_group_is_equal_if_its_scored_rewards_are(rewards, equal):
    rewards_BGSA = torch.tensor(rewards, dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, S, A)
    assert Rewarded(rewards_BGSA, torch.arange(S).expand(1, 2, S), torch.ones(S) / S).equal_B.tolist() == [equal]
