"""Updates of BRPOTrainer a group of rows at a time: the gradient, loss and metrics of the whole, and less memory."""

from collections import Counter
from functools import partial
from weakref import finalize

import pytest
import torch

from trainer_steps import TRL_CHECKS_VLLM, assert_same, generate, perturb

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
LIMIT = 100


def step(trainer, batch):
    """The gradients, loss and metrics of one batch, as the Trainer computes them."""
    trainer._metrics["train"].clear()
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, batch)
    trainer.accelerator.backward(loss)
    grown = {name: value.grad.clone() for name, value in trainer.model.named_parameters() if value.grad is not None}
    return grown, loss.detach(), dict(trainer._metrics["train"])


def passes(trainer, run):
    """How often `run` sends rows through the trainer's model."""
    seen = Counter()
    hook = trainer.model.register_forward_hook(lambda *_: seen.update(["forward"]))
    run()
    hook.remove()
    return seen["forward"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"compact": False, "temperature": 0.7},
        {"beta": 0.1, "entropy_coef": 0.1},
        {"loss_type": "grpo"},
        {"loss_type": "bnpo", "steps_per_generation": 2},
        {"loss_type": "dapo"},
        {"loss_type": "cispo"},
    ],
    ids=str,
)
def test_groups_have_the_gradient_the_loss_and_the_metrics_of_the_batch(make, settings):
    results = []
    for limit in (None, LIMIT):
        trainer = make(max_tokens_per_forward=limit, **settings)
        batch = generate(trainer)
        perturb(trainer.model)
        results.append(step(trainer, batch))
    (whole, loss, metrics), (groups, grouped_loss, grouped_metrics) = results
    assert any(gradient.any() for gradient in whole.values())
    assert_same(groups, whole)
    torch.testing.assert_close(grouped_loss, loss, atol=1e-6, rtol=1e-5)
    assert metrics.keys() == grouped_metrics.keys()
    assert "entropy" in metrics
    for name, values in metrics.items():
        assert grouped_metrics[name] == pytest.approx(values, rel=1e-4, abs=1e-6, nan_ok=True)


def test_a_group_is_computed_once_in_an_update(make):
    trainer = make(max_tokens_per_forward=LIMIT)
    batch = generate(trainer)
    count = len(trainer._logps.forward(batch, by_part=True))
    assert count > 2
    assert passes(trainer, lambda: step(trainer, batch)) == count


def peak_of_graphs(run):
    """The most bytes at a time that graphs keep for their backward passes."""
    live, peak = Counter(), [0]

    class Saved:
        def __init__(self, tensor):
            size = tensor.numel() * tensor.element_size()
            self.tensor = tensor
            live["bytes"] += size
            peak[0] = max(peak[0], live["bytes"])
            finalize(self, live.subtract, {"bytes": size})

    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        run()
    return peak[0]


def test_the_graph_of_one_group_is_held_at_a_time(make):
    """Memory is bounded by the tokens of a group, not of the batch."""
    peaks = {}
    for limit in (None, LIMIT):
        trainer = make(max_tokens_per_forward=limit, compact=False)
        batch = generate(trainer)
        peaks[limit] = peak_of_graphs(partial(step, trainer, batch))
    assert peaks[LIMIT] < 0.4 * peaks[None]


def test_evaluation_computes_a_loss_and_no_gradient(make):
    trainer = make(max_tokens_per_forward=LIMIT)
    batch = generate(trainer)
    trainer.model.zero_grad()
    with torch.no_grad():
        grouped = trainer.compute_loss(trainer.model, batch)
    assert all(value.grad is None for value in trainer.model.parameters())
    with torch.no_grad():
        trainer._logps._max_tokens = None
        torch.testing.assert_close(grouped, trainer.compute_loss(trainer.model, batch), atol=1e-6, rtol=1e-5)
