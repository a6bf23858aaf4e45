"""What updates of BRPOTrainer do to the weights."""

import pytest
import torch

from trainer_steps import TRL_CHECKS_VLLM, assert_same, generate, gradients

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)


def test_several_updates_a_batch_use_the_log_probabilities_of_the_sampling_policy(make):
    trainer = make(per_device_train_batch_size=4, steps_per_generation=4, num_iterations=2, max_steps=8)
    seen = []
    compute = trainer._compute_loss

    def spy(model, inputs):
        seen.append(inputs["old_per_token_logps"])
        return compute(model, inputs)

    trainer._compute_loss = spy
    trainer.train()
    assert len(seen) == 8
    for first, second in zip(seen[:4], seen[4:], strict=True):
        assert torch.equal(first, second)
    ratios = [entry["clip_ratio/region_mean"] for entry in trainer.state.log_history if "loss" in entry]
    assert ratios[0] == 0


def test_gradient_checkpointing_ends_in_the_same_weights(make):
    weights = []
    for checkpointing in (False, True):
        trainer = make(gradient_checkpointing=checkpointing, max_steps=2, optim="sgd")
        trainer.train()
        weights.append(dict(trainer.model.named_parameters()))
    assert_same(*weights)


def test_accumulated_batches_have_the_gradient_of_one(make):
    """Half batches, accumulated, end in the weights that whole ones end in."""
    weights = []
    for size, steps in ((16, 1), (8, 2)):
        trainer = make(per_device_train_batch_size=size, gradient_accumulation_steps=steps, optim="sgd")
        assert "old_per_token_logps" not in generate(trainer)
        trainer.train()
        weights.append(dict(trainer.model.named_parameters()))
    assert_same(*weights, tolerance=1e-6)


def test_a_run_moves_the_policy_towards_the_reward(make):
    def sevens(completions, **columns):
        return [float(" 7" in text) for text in completions]

    trainer = make(sevens, max_steps=12, temperature=1.5, learning_rate=3e-3, interim_samples=4)
    trainer.train()
    rewards = [entry["anytime_reward"] for entry in trainer.state.log_history if "anytime_reward" in entry]
    assert len(rewards) == 12
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 0.3


def test_lora_trains_the_adapter_alone_and_the_model_without_it_is_the_reference(make):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    trainer = make(peft_config=config, beta=0.1, max_steps=1)
    batch = generate(trainer)
    with trainer.model.disable_adapter(), torch.no_grad():
        expected = trainer._logps.of(trainer.model, batch, 8)
    torch.testing.assert_close(batch["ref_per_token_logps"], expected, atol=1e-5, rtol=0)
    with torch.no_grad():
        own = trainer._logps.of(trainer.model, batch, 8)
    assert (own - expected).abs().max() > 1e-3
    trained_names = gradients(trainer.model, trainer._compute_loss(trainer.model, batch))
    assert trained_names
    assert all("lora" in name for name in trained_names)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    moved = [name for name, value in trainer.model.named_parameters() if not torch.equal(value, before[name])]
    assert moved
    assert all("lora" in name for name in moved)


def test_evaluation_logs_rewards_and_trains_nothing(make):
    from datasets import Dataset

    rows = Dataset.from_list([{"prompt": "largest of 5, 6", "name": "a"}, {"prompt": "largest of 7, 8", "name": "b"}])
    trainer = make(eval_dataset=rows, num_generations_eval=2, per_device_eval_batch_size=4)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    metrics = trainer.evaluate()
    assert {"eval_anytime_reward", "eval_reward/12", "eval_loss"} <= metrics.keys()
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())
