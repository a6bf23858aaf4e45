"""Settings of BRPOTrainer: those that can't work are named, those of generation are back after a batch."""

from collections import defaultdict

import pytest
import torch
from transformers import Qwen3Config

from trainer_steps import TRL_CHECKS_VLLM, generate, recording

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budgets": []}, "budgets .* increasing"),
        ({"budgets": [8, 8]}, "budgets .* increasing"),
        ({"budgets": [0, 8]}, "budgets .* increasing"),
        ({"prior": "square"}, "prior 'square' is unknown; known: uniform, linear, base"),
        ({"prior": [1.0]}, "prior .* must hold 3 weights"),
        ({"interim_samples": 0}, "interim_samples must be at least 1"),
        ({"interim_max_tokens": 0}, "interim_max_tokens must be at least 1"),
        ({"variance_reduction": "v3"}, "variance_reduction 'v3' is unknown"),
        ({"train_answers": "first"}, "train_answers 'first' is unknown"),
        ({"answer_weight": -1.0}, "answer_weight must be a number from 0 on, not -1.0"),
        ({"dynamic_sample": True, "max_resample_times": 0}, "max_resample_times must be at least 1"),
        ({"max_tokens_per_forward": 0}, "max_tokens_per_forward must be at least 1"),
        ({"max_tokens_per_forward": 60, "top_entropy_quantile": 0.2}, "top_entropy_quantile looks at .* leave one"),
        ({"max_tokens_per_forward": 60, "use_adaptive_entropy": True}, "use_adaptive_entropy looks at .* leave one"),
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level must be token"),
        ({"use_vllm": True, "vllm_importance_sampling_mode": "sequence_mask"}, "weighs whole sequences"),
        ({"budgets": [100, 1020]}, "1020 thinking tokens.* leave no room for a prompt in the model's context of 1024"),
        ({"scale_rewards": "group"}, "scale_rewards"),
        ({"mask_truncated_completions": True}, "mask_truncated_completions"),
        ({"off_policy_mask_threshold": 0.5}, "off_policy_mask_threshold"),
        ({"loss_type": "vespo"}, "loss_type"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs must stay None"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "multi_objective_aggregation must stay 'sum_then"),
        ({"vllm_structured_outputs_regex": "[0-9]+"}, "vllm_structured_outputs_regex must stay None"),
        ({"cache_implementation": "static"}, "cache_implementation must stay None"),
        ({"generation_kwargs": {"min_p": 0.1}}, "generation_kwargs must stay None without vLLM"),
        ({"use_vllm": True, "generation_kwargs": {"max_tokens": 9}}, "take max_tokens out; budgets, interim_max_t"),
        ({"thinking_format": "opposite"}, "unknown thinking format 'opposite'"),
    ],
)
def test_a_setting_that_can_not_work_is_named(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_a_family_of_headers_cannot_be_trained_and_the_error_says_why(tmp_path):
    from transformers import AutoTokenizer

    from anytime_training.errors import TrainingError
    from tiny_models import save_tiny_model
    from tiny_trainer import brpo_trainer

    folder = save_tiny_model(tmp_path / "model", "gpt-oss")
    with pytest.raises(TrainingError, match="ends its thinking by headers that may call tools"):
        brpo_trainer(tmp_path, model=str(folder), processing_class=AutoTokenizer.from_pretrained(folder))


@pytest.mark.parametrize(
    ("config", "implementation", "message"),
    [
        (Qwen3Config(use_sliding_window=True, max_window_layers=0), "sdpa", "qwen3: not all of its layers attend"),
        (Qwen3Config(), "eager", "attn_implementation: eager does not take the masks of packed rows; take sdpa or"),
        (Qwen3Config(), "flash_attention_2", "attn_implementation: flash_attention_2 does not take"),
    ],
)
def test_a_model_that_packed_rows_would_train_wrongly_is_refused(tmp_path, config, implementation, message):
    from anytime_training.brpo.checks import check_model
    from anytime_training.errors import TrainingError
    from tiny_rollouts import FORMAT
    from tiny_trainer import brpo_config

    config._attn_implementation = implementation
    with pytest.raises(TrainingError, match=message):
        check_model(config, FORMAT, brpo_config(tmp_path), fsdp=False)


def test_weights_that_continuous_batching_would_cast_are_not_trained(tmp_path):
    """TRL casts them in place before each rollout: a rate of 1e-6 moves no weight of bfloat16."""
    from anytime_training.brpo.checks import check_model
    from anytime_training.errors import TrainingError
    from tiny_rollouts import FORMAT
    from tiny_trainer import brpo_config

    config = Qwen3Config(dtype="float32")
    config._attn_implementation = "sdpa"
    batching = {"use_transformers_continuous_batching": True}
    check_model(config, FORMAT, brpo_config(tmp_path, **batching), fsdp=False)
    mixed = brpo_config(tmp_path, bf16=True, **batching)
    with pytest.raises(TrainingError, match="TRL would cast the float32 weights"):
        check_model(config, FORMAT, mixed, fsdp=False)
    config.dtype = "bfloat16"
    check_model(config, FORMAT, mixed, fsdp=False)


def test_experts_are_trained_without_their_load_balancing_loss(tmp_path):
    """Models compute it for plain masks: a packed row ended the first update with an error about sizes."""
    from transformers import AutoTokenizer, Qwen3MoeConfig, Qwen3MoeForCausalLM

    from anytime_training.errors import TrainingError
    from tiny_trainer import TINY, brpo_trainer

    tokenizer = AutoTokenizer.from_pretrained(TINY)
    config = Qwen3MoeConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        moe_intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        num_experts=4,
        num_experts_per_tok=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path / "experts"
    Qwen3MoeForCausalLM(config).save_pretrained(folder)
    with pytest.raises(TrainingError, match=r"router_aux_loss_coef: .* set it to 0"):
        brpo_trainer(tmp_path, model=str(folder))
    trainer = brpo_trainer(tmp_path, model=str(folder), router_aux_loss_coef=0.0, max_steps=1)
    trainer.train()
    assert trainer.state.global_step == 1


def test_the_losses_that_compact_rows_would_change_keep_whole_ones(tmp_path):
    from tiny_trainer import brpo_config

    assert brpo_config(tmp_path).can_compact
    for settings in ({"compact": False}, {"beta": 0.1}, {"loss_type": "grpo"}, {"entropy_coef": 0.01}):
        assert not brpo_config(tmp_path, **settings).can_compact
    assert brpo_config(tmp_path).max_completion_length == 12 + 3 * 2 * 5


def test_generation_settings_are_back_after_a_batch(make):
    trainer = make()
    before = dict(trainer.generation_kwargs), trainer.generation_config.max_new_tokens, trainer.eos_token_ids
    generate(trainer)
    assert (dict(trainer.generation_kwargs), trainer.generation_config.max_new_tokens, trainer.eos_token_ids) == before


def test_thinking_stops_at_the_marker_or_the_budget(make):
    reward, _ = recording()
    trainer = make(reward, temperature=0.7)
    kinds = defaultdict(int)
    prompts = [trainer.collector.prompt_ids(prompt) for prompt in trainer.train_dataset["prompt"] for _ in range(4)]
    torch.manual_seed(0)
    trunks, logps = trainer.collector.sampler.think(prompts, 4)
    assert logps is None
    stops = {*trainer.format.close_ids, *trainer.format.eos_ids}
    for trunk in trunks:
        assert not set(trunk[:-1]) & stops
        assert trunk[-1] in stops or len(trunk) == 12
        kinds[trunk[-1] in stops] += 1
    assert set(kinds) == {True, False}
