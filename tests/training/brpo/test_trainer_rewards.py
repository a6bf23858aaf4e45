"""What reward functions of BRPOTrainer are called with, what their rewards do, and what is logged of them."""

import pytest
import torch

from trainer_steps import TRL_CHECKS_VLLM, generate, recording

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)


def test_reward_functions_see_each_answer_with_its_budget_cue_and_columns(make):
    reward, calls = recording()
    trainer = make(reward)
    generate(trainer)
    (call,) = calls
    assert call["budget"] == [budget for _ in range(8) for budget in (4, 4, 8, 8, 12, 12)]
    assert call["name"] == ["row 0"] * 24 + ["row 1"] * 24
    assert call["prompts"] == [trainer.train_dataset[index]["prompt"] for index in (0, 1) for _ in range(24)]
    cue = trainer.format.markers.cue
    assert cue
    for text, ids in zip(call["completions"], call["ids"], strict=True):
        assert text == (cue + trainer.collector.tokenizer.decode([i for i in ids if i not in trainer.format.eos_ids]))


def test_reward_functions_of_chats_see_messages(make):
    reward, calls = recording()
    make_prompts = [[{"role": "user", "content": text}] for text in ("largest of 3, 4", "largest of 5, 6")]
    generate(make(reward, prompts=make_prompts))
    assert all(set(completion[0]) == {"role", "content"} for completion in calls[0]["completions"])
    assert calls[0]["prompts"][0] == make_prompts[0]


def test_the_cue_that_a_run_sets_is_what_rewards_and_the_model_see(make):
    reward, calls = recording()
    trainer = make(reward, cue="\nSo: ", compact=False)
    batch = generate(trainer)
    assert all(text.startswith("\nSo: ") for text in calls[0]["completions"])
    cue = trainer.collector.tokenizer.encode("\nSo: ")
    text = batch["completion_ids"][0][batch["completion_mask"][0] > 0].tolist()
    assert any(text[index : index + len(cue)] == cue for index in range(len(text)))


def test_a_rollout_that_ends_its_turn_while_it_thinks_has_reward_0(make):
    """Whatever the reward function says about no text."""
    trainer = make(lambda completions, **columns: [1.0] * len(completions), compact=False)
    eos = trainer.format.eos_ids[0]
    words = trainer.collector.tokenizer.encode("3, 4 and 5")
    trunks = [[*words, eos] if index == 0 else (words * 4)[:12] for index in range(8)]
    trainer.collector.sampler.think = lambda prompts, group: (trunks, None)
    batch = generate(trainer)
    trunk = (batch["tool_mask"] > 0) & (batch["tree_reach"] == 0)
    values = [batch["advantages"][row][trunk[row]] for row in range(4)]
    assert values[0][-1] < 0
    assert all(other[0] > 0 for other in values[1:])
    torch.testing.assert_close(batch["advantages"][4:], torch.zeros_like(batch["advantages"][4:]))


def test_several_reward_functions_are_weighed_and_none_counts_nothing(make):
    def half(completions, **columns):
        return [0.5] * len(completions)

    def some(completions, **columns):
        return [None if index % 2 else 1.0 for index in range(len(completions))]

    trainer = make([half, some], reward_weights=[2.0, 3.0])
    generate(trainer)
    assert trainer._metrics["train"]["anytime_reward"] == [pytest.approx(0.5 * 2 + 3 * 0.5)]


def test_what_reward_functions_log_is_logged_and_does_not_pile_up(make):
    def reward(completions, log_metric, log_extra, **columns):
        log_metric("share_short", 0.25)
        log_metric("share_short", 0.75)
        log_extra("length", [len(text) for text in completions])
        return [0.0] * len(completions)

    trainer = make(reward)
    for batches in (1, 2):
        generate(trainer)
        assert trainer._metrics["train"]["share_short"] == [0.5] * batches
        assert not trainer._pending_metrics and not trainer._pending_extra_logs


def test_rollouts_are_logged(make):
    trainer = make(log_completions=True)
    generate(trainer)
    assert len(trainer._logs["prompt"]) == len(trainer._logs["completion"]) == 8
    assert all("[4]" in text and "[12]" in text for text in trainer._logs["completion"])
    assert trainer._metrics["train"]["packing_ratio"][0] > 1


def test_a_rollout_that_no_reward_function_scores_is_no_part_of_the_baseline_and_is_not_trained(make):
    """As TRL does with a completion that all reward functions answer with None."""

    def reward(completions, **columns):
        per_rollout = len(completions) // 8
        rewards = [None, 1.0, 0.0, 1.0, None, None, None, None]
        return [rewards[index // per_rollout] for index in range(len(completions))]

    trainer = make(reward, compact=False)
    words = trainer.collector.tokenizer.encode("3, 4 and 5")
    trainer.collector.sampler.think = lambda prompts, group: ([(words * 4)[:12] for _ in prompts], None)
    batch = generate(trainer)
    trunk = (batch["tool_mask"] > 0) & (batch["tree_reach"] == 0)
    firsts = [batch["advantages"][row][trunk[row]][0].item() for row in range(8)]
    assert firsts == pytest.approx([0, 1 / 3, -2 / 3, 1 / 3, 0, 0, 0, 0])
    assert not batch["advantages"][[0, 4, 5, 6, 7]].any()
    logged = trainer._metrics["train"]
    assert logged["anytime_reward"] == [pytest.approx(2 / 3)]
    assert logged["frac_reward_zero_std"] == [0.5]
    assert logged["truncation_ratio/12"] == [1.0]


def test_groups_of_equal_rewards_give_way_to_fresh_prompts_if_asked(make):
    def reward(prompts, completions, **columns):
        known = {"largest of 37+48, 9*8": 0.0, "smallest of 12+7, 5*4, 91-16": 0.0}
        return [known.get(prompt, float(index % 5)) for index, prompt in enumerate(prompts)]

    trainer = make(reward, dynamic_sample=True)
    batch = generate(trainer)
    assert trainer._metrics["train"]["resampled_groups"] == [2]
    assert trainer._metrics["train"]["frac_reward_zero_std"] == [0.0]
    assert batch["advantages"].any(1).all()
    trainer.model.eval()
    trainer._generate_and_score_completions([trainer.train_dataset[0]] * 4)
    assert "resampled_groups" not in trainer._metrics["eval"]
