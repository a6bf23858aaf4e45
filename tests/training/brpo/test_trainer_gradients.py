"""What BRPOTrainer trains: TRL's own loss where there is one budget and one answer, and never a forced token."""

import pytest
import torch

from anytime_server.controller import branch
from trainer_steps import TRL_CHECKS_VLLM, assert_same, generate, gradients, perturb, recording, trained

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
ONE_ANSWER = {"budgets": [20], "interim_samples": 1, "compact": False}
PLAIN = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "num_items_in_batch")


# GRPO as a special case


@pytest.mark.parametrize(
    ("loss_type", "beta"),
    [("dr_grpo", 0.0), ("dr_grpo", 0.1), ("grpo", 0.1), ("bnpo", 0.1), ("dapo", 0.1), ("cispo", 0.1)],
)
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
