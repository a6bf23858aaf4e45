"""BRPOTrainer against TRL's own loss, and the contracts with reward functions, evaluation and settings."""

from collections import defaultdict

import pytest
import torch

from anytime_server.controller import branch

TRL_CHECKS_VLLM = "ignore:TRL currently supports vLLM versions:UserWarning"
pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
ONE_ANSWER = {"budgets": [20], "interim_samples": 1, "compact": False}
PLAIN = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "num_items_in_batch")


@pytest.fixture
def make(tmp_path):
    from tiny_trainer import brpo_trainer

    def build(*args, **settings):
        trainer = brpo_trainer(tmp_path, *args, **settings)
        trainer.current_gradient_accumulation_steps = 1
        return trainer

    return build


def generate(trainer, seed=0):
    from tiny_trainer import rows_of

    torch.manual_seed(seed)
    trainer.model.train()
    return trainer._generate_and_score_completions(rows_of(trainer))


def perturb(model, seed=1):
    """Move off the reference, and off where every importance ratio is 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=generator)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def assert_same(ours, theirs, tolerance=1e-6):
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=tolerance, rtol=1e-4, msg=name)


def recording(rewards=None):
    """A reward function that keeps what it is called with."""
    calls = []

    def reward(prompts, completions, completion_ids, **columns):
        calls.append({"prompts": prompts, "completions": completions, "ids": completion_ids, **columns})
        return [float(index % 5) for index in range(len(prompts))] if rewards is None else rewards(completions)

    return reward, calls


# GRPO as a special case


@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize("loss_type", ["dr_grpo", "grpo", "bnpo", "dapo", "cispo"])
def test_one_budget_and_one_answer_are_trls_grpo_on_plain_sequences(make, loss_type, beta):
    from trl import GRPOTrainer

    trainer = make(loss_type=loss_type, beta=beta, steps_per_generation=2, **ONE_ANSWER)
    perturb(trainer.model, seed=2)
    batch = generate(trainer)
    assert "old_per_token_logps" in batch
    perturb(trainer.model)
    advantages = torch.stack([row[weights > 0].unique() for row, weights in trained(batch)]).squeeze(1)
    assert advantages.any()
    extra = {name: batch[name] for name in ("old_per_token_logps", "ref_per_token_logps") if name in batch}
    plain = {name: batch[name] for name in PLAIN} | {"tool_mask": batch["tool_mask"], "advantages": advantages} | extra
    ours = trainer._compute_loss(trainer.model, batch)
    theirs = GRPOTrainer._compute_loss(trainer, trainer.model, plain)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    assert_same(gradients(trainer.model, ours), gradients(trainer.model, theirs))
    if beta:
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        with torch.no_grad():
            logps, _, _ = GRPOTrainer._get_per_token_logps_and_entropies(
                trainer, trainer.ref_model, ids, mask, batch["completion_ids"].size(1)
            )
        kept = batch["tool_mask"] > 0
        torch.testing.assert_close(batch["ref_per_token_logps"][kept], logps[kept], atol=1e-4, rtol=0)


def trained(batch):
    """Advantages and weights of each row where tokens are."""
    weights = batch["tool_mask"] * batch["completion_mask"]
    return list(zip(batch["advantages"], weights, strict=True))


def test_the_advantages_of_one_budget_are_rewards_minus_their_groups_mean(make):
    reward, calls = recording()
    trainer = make(reward, **ONE_ANSWER)
    batch = generate(trainer)
    rewards = torch.tensor([float(index % 5) for index in range(8)]).view(2, 4)
    answered = torch.tensor([bool(ids) for ids in calls[0]["ids"]]).view(2, 4)
    expected = (rewards * answered - (rewards * answered).mean(1, keepdim=True)).flatten()
    for (row, weights), value in zip(trained(batch), expected, strict=True):
        values = row[weights > 0]
        torch.testing.assert_close(values, torch.full_like(values, value), atol=1e-6, rtol=0)


# What is trained


def test_forced_tokens_are_never_trained(make):
    """Closing, cue and prompt have no gradient: their log-probabilities are outside of the loss."""
    trainer = make(compact=False)
    batch = generate(trainer)
    logps = torch.zeros(batch["completion_ids"].shape, requires_grad=True)
    trainer._get_per_token_logps_and_entropies = lambda *args, **kwargs: (logps, torch.zeros_like(logps), None)
    trainer._compute_loss(trainer.model, batch).backward()
    format, forced = trainer.format, 0
    ids, reach, start = batch["completion_ids"], batch["tree_reach"], batch["tree_start"]
    for row in range(len(ids)):
        for first in start[row][reach[row] > 0].unique():
            inside = (start[row] == first) & (batch["completion_mask"][row] > 0)
            answer = inside & (batch["tool_mask"][row] > 0)
            skipped = inside & ~answer
            text = tuple(ids[row][skipped].tolist())
            assert text in {format.closing_ids + format.cue_ids, format.cue_ids}
            assert not logps.grad[row][skipped].any()
            forced += len(text)
    assert forced
    assert logps.grad.any()


def test_the_trained_tree_holds_the_controllers_prompts(make):
    """The tokens that an answer's first token sees are those of `branch`."""
    trainer = make(compact=False)
    batch = generate(trainer)
    checked = 0
    for row in range(len(batch["completion_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row] > 0].tolist()
        size = int(batch["completion_mask"][row].sum())
        ids = prompt + batch["completion_ids"][row, :size].tolist()
        reach, start = (batch[name][row, :size].tolist() for name in ("tree_reach", "tree_start"))
        trunk = ids[len(prompt) : len(prompt) + reach.count(0)]
        known = [
            branch(prompt, trunk, budget, trainer.format)
            for budget in trainer.args.budgets
            if budget <= len(trunk) or trunk[-1] in trainer.format.close_ids
        ]
        weights = batch["tool_mask"][row, :size].tolist()
        for first in {begin for begin, seen in zip(start, reach, strict=True) if seen}:
            inside = [index for index in range(size) if start[index] == first]
            forced = [ids[len(prompt) + index] for index in inside if not weights[index]]
            assert [*ids[: reach[inside[0]]], *forced] in known
            checked += 1
    assert checked > 8


@pytest.mark.parametrize("settings", [{}, {"max_tokens_per_forward": 100}, {"variance_reduction": "v1"}])
def test_compact_rows_have_the_gradient_of_whole_ones(make, settings):
    results = []
    for compact in (True, False):
        trainer = make(compact=compact, **settings)
        batch = generate(trainer)
        results.append(gradients(trainer.model, trainer._compute_loss(trainer.model, batch)))
    assert any(gradient.any() for gradient in results[0].values())
    assert_same(*results)


def test_groups_of_rows_have_the_gradient_of_one_batch(make):
    results = []
    for limit in (None, 60):
        trainer = make(max_tokens_per_forward=limit, beta=0.1)
        batch = generate(trainer)
        perturb(trainer.model)
        results.append(gradients(trainer.model, trainer._compute_loss(trainer.model, batch)))
    assert_same(*results)


def test_gradient_checkpointing_has_the_same_gradients(make):
    results = []
    for checkpointing in (False, True):
        trainer = make(gradient_checkpointing=checkpointing, beta=0.1)
        if checkpointing:
            trainer.model.gradient_checkpointing_enable(trainer.args.gradient_checkpointing_kwargs)
        batch = generate(trainer)
        assert trainer.model.is_gradient_checkpointing == checkpointing
        perturb(trainer.model)
        results.append(gradients(trainer.model, trainer._compute_loss(trainer.model, batch)))
    assert_same(*results)


def test_the_last_answer_alone_is_trained_when_asked(make):
    reward, _ = recording()
    trainer = make(reward, train_answers="last", compact=False)
    batch = generate(trainer)
    for row in range(len(batch["advantages"])):
        answers = (batch["tree_reach"][row] > 0) & (batch["advantages"][row] != 0)
        assert len(batch["tree_start"][row][answers].unique()) <= 1
    assert (batch["advantages"] * (batch["tree_reach"] > 0)).any()


# Updates


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
        expected = trainer._tree_logps(trainer.model, batch, 8)
    torch.testing.assert_close(batch["ref_per_token_logps"], expected, atol=1e-5, rtol=0)
    with torch.no_grad():
        own = trainer._tree_logps(trainer.model, batch, 8)
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
    assert {"eval_anytime_reward", "eval_reward/24", "eval_loss"} <= metrics.keys()
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())


# Rewards


def test_reward_functions_see_each_answer_with_its_budget_cue_and_columns(make):
    reward, calls = recording()
    trainer = make(reward)
    generate(trainer)
    (call,) = calls
    assert call["budget"] == [budget for _ in range(8) for budget in (6, 6, 12, 12, 24, 24)]
    assert call["name"] == ["row 0"] * 24 + ["row 1"] * 24
    assert call["prompts"] == [trainer.train_dataset[index]["prompt"] for index in (0, 1) for _ in range(24)]
    cue = trainer.format.markers.cue
    assert cue
    for text, ids in zip(call["completions"], call["ids"], strict=True):
        assert text == (cue + trainer._thinking_tokenizer.decode([i for i in ids if i not in trainer.format.eos_ids]))


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
    cue = trainer._thinking_tokenizer.encode("\nSo: ")
    text = batch["completion_ids"][0][batch["completion_mask"][0] > 0].tolist()
    assert any(text[index : index + len(cue)] == cue for index in range(len(text)))


def test_a_rollout_that_ends_its_turn_while_it_thinks_has_reward_0(make):
    """Whatever the reward function says about no text."""
    trainer = make(lambda completions, **columns: [1.0] * len(completions), compact=False)
    eos = trainer.format.eos_ids[0]
    words = trainer._thinking_tokenizer.encode("3, 4 and 5")
    trunks = [[*words, eos] if index == 0 else (words * 4)[:24] for index in range(8)]
    trainer._sampler.think = lambda prompts, group: (trunks, None)
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


def test_rollouts_are_logged(make):
    trainer = make(log_completions=True)
    generate(trainer)
    assert len(trainer._logs["prompt"]) == len(trainer._logs["completion"]) == 8
    assert all("[6]" in text and "[24]" in text for text in trainer._logs["completion"])
    assert trainer._metrics["train"]["packing_ratio"][0] > 1


# Settings


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
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level must be token"),
        ({"use_vllm": True, "vllm_importance_sampling_mode": "sequence_mask"}, "weighs whole sequences"),
        ({"budgets": [100, 1020]}, "1020 thinking tokens.* leave no room for a prompt in the model's context of 1024"),
        ({"scale_rewards": "group"}, "scale_rewards"),
        ({"mask_truncated_completions": True}, "mask_truncated_completions"),
        ({"off_policy_mask_threshold": 0.5}, "off_policy_mask_threshold"),
        ({"loss_type": "vespo"}, "loss_type"),
        ({"thinking_format": "opposite"}, "unknown thinking format 'opposite'"),
    ],
)
def test_a_setting_that_can_not_work_is_named(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_a_close_marker_of_several_tokens_is_an_error(tmp_path):
    from transformers import AutoTokenizer

    from anytime_training.errors import TrainingError
    from tiny_models import save_tiny_model
    from tiny_trainer import brpo_trainer

    folder = save_tiny_model(tmp_path / "model", "gpt-oss")
    with pytest.raises(TrainingError, match=r"the close marker .* is \d+ tokens of this model"):
        brpo_trainer(tmp_path, model=str(folder), processing_class=AutoTokenizer.from_pretrained(folder))


def test_the_losses_that_compact_rows_would_change_keep_whole_ones(tmp_path):
    from tiny_trainer import brpo_config

    assert brpo_config(tmp_path).can_compact
    for settings in ({"compact": False}, {"beta": 0.1}, {"loss_type": "grpo"}, {"entropy_coef": 0.01}):
        assert not brpo_config(tmp_path, **settings).can_compact
    assert brpo_config(tmp_path).max_completion_length == 24 + 3 * 2 * 5


def test_generation_settings_are_back_after_a_batch(make):
    trainer = make()
    before = dict(trainer.generation_kwargs), trainer.generation_config.max_new_tokens, trainer.eos_token_ids
    generate(trainer)
    assert (dict(trainer.generation_kwargs), trainer.generation_config.max_new_tokens, trainer.eos_token_ids) == before


def test_thinking_stops_at_the_marker_or_the_budget(make):
    reward, _ = recording()
    trainer = make(reward, temperature=0.7)
    kinds = defaultdict(int)
    prompts = [trainer._prompt_ids(prompt) for prompt in trainer.train_dataset["prompt"] for _ in range(4)]
    torch.manual_seed(0)
    trunks, logps = trainer._sampler.think(prompts, 4)
    assert logps is None
    stops = {*trainer.format.close_ids, *trainer.format.eos_ids}
    for trunk in trunks:
        assert not set(trunk[:-1]) & stops
        assert trunk[-1] in stops or len(trunk) == 24
        kinds[trunk[-1] in stops] += 1
    assert set(kinds) == {True, False}
