"""Steps of a tiny BRPO trainer, and what tests look at in them."""

from typing import Any

import torch

TRL_CHECKS_VLLM = "ignore:TRL currently supports vLLM versions:UserWarning"


def generate(trainer: Any, seed: int = 0) -> dict[str, torch.Tensor]:
    """A scored batch of two groups."""
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


def trained(batch):
    """Advantages and weights of each row where tokens are."""
    weights = batch["tool_mask"] * batch["completion_mask"]
    return list(zip(batch["advantages"], weights, strict=True))
