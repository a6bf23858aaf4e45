"""Log-probabilities of trees on a model, without a trainer: groups of rows, missing passes, one graph at a time."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from anytime_training.brpo.logps import TreeLogps
from anytime_training.trees.packing import batch, pack
from tiny_rollouts import GRADIENT, rollouts, tiny_lm

GROUPS = 5
"""Of at most 40 tokens."""


class Head(torch.nn.Module):
    """A model with a fused head, as TRL makes of its model: labels in, log-probabilities and entropies out."""

    def __init__(self):
        super().__init__()
        self.lm, self.rows = tiny_lm(), []
        self.config = self.lm.config

    def forward(self, input_ids, position_ids, attention_mask, labels, fused_lm_head):
        assert fused_lm_head
        self.rows.append(len(input_ids))
        scores = self.lm(input_ids=input_ids, position_ids=position_ids, attention_mask=attention_mask).logits
        scores, labels = scores[:, :-1].log_softmax(-1), labels[:, 1:]
        logps = scores.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1).masked_fill(labels == -100, 0.0)
        return SimpleNamespace(log_probs=logps, entropy=-(scores.exp() * scores).sum(-1))


class Processes:
    """What the log-probabilities use of accelerate, where the others need up to `passes` passes."""

    device, autocast = torch.device("cpu"), nullcontext

    def __init__(self, passes=0):
        self.passes = passes

    def gather(self, counts):
        return torch.cat([counts, torch.tensor([self.passes])])

    def unwrap_model(self, model):
        return model


def logps(max_tokens=None, passes=0, skip_untrained=False):
    return TreeLogps(Processes(passes), max_tokens, skip_untrained)


@pytest.fixture(scope="module")
def tensors():
    return batch([pack(one, compact=False) for one in rollouts(3, 6)], pad_id=0)


def gradients(model):
    found = {name: value.grad.clone() for name, value in model.named_parameters()}
    model.zero_grad()
    return found


def loss_of(values, tensors):
    return (values[0] * tensors["advantages"] * tensors["tool_mask"]).sum() + (values[1] * tensors["tool_mask"]).sum()


@pytest.mark.parametrize(("max_tokens", "passes"), [(40, 0), (40, 9), (None, 3)])
def test_parts_have_the_values_and_the_gradient_of_the_whole(tensors, max_tokens, passes):
    model = Head()
    whole = logps().forward(tensors)
    values = whole(model)
    loss_of(values, tensors).backward()
    expected = gradients(model)
    parts = logps(max_tokens, passes).forward(tensors, by_part=True)
    assert len(parts) == max(passes, GROUPS if max_tokens else 1)
    for _ in range(len(parts)):
        last = parts(model)
        loss_of(last, tensors).backward()
    for got, wanted in zip(last, values, strict=True):
        mask = tensors["completion_mask"]  # what comes out of padding is not used
        torch.testing.assert_close(got * mask, wanted * mask, atol=1e-6, rtol=0)
    torch.testing.assert_close(parts.logps_BC, values[0].detach(), atol=1e-6, rtol=0)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected[name], atol=GRADIENT, rtol=1e-4, msg=name)


def test_groups_in_one_call_are_one_batch_and_others_company_changes_nothing(tensors):
    results = []
    for settings in ({}, {"max_tokens": 40}, {"max_tokens": 40, "passes": 9}):
        model = Head()
        values = logps(**settings).forward(tensors)(model)
        loss_of(values, tensors).backward()
        results.append((values[0].detach(), gradients(model)))
        if settings:
            assert len(model.rows) == max(settings.get("passes", 0), GROUPS)
    for values, found in results[1:]:
        torch.testing.assert_close(values, results[0][0], atol=1e-6, rtol=0)
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, results[0][1][name], atol=GRADIENT, rtol=1e-4, msg=name)


def test_a_part_leaves_the_other_rows_without_a_gradient_and_at_the_sampling_policy(tensors):
    old = torch.full(tensors["completion_ids"].shape, -3.0)
    forward = logps(max_tokens=40).forward({**tensors, "old_per_token_logps": old}, by_part=True)
    values, _ = forward(Head())
    values.retain_grad()
    values.sum().backward()
    fresh = (values != -3.0).any(1)
    assert 0 < fresh.sum() < len(values)
    assert torch.equal(values[~fresh], old[~fresh])


def test_rows_without_a_trained_token_are_left_out_but_never_all(tensors):
    for kept in (3, 0):
        model, untrained = Head(), tensors["tool_mask"].clone()
        untrained[kept:] = 0
        values, _ = logps(skip_untrained=True).forward({**tensors, "tool_mask": untrained})(model)
        assert model.rows == [max(kept, 1)]
        assert (values != 0).any(1).sum() == max(kept, 1)


def test_slices_of_a_batch_have_its_values_without_a_gradient(tensors):
    model = Head()
    whole = logps().of(model, tensors, 6)
    assert not whole.requires_grad
    torch.testing.assert_close(logps().of(model, tensors, 2), whole, atol=1e-6, rtol=0)
    assert model.rows == [6, 2, 2, 2]


def test_the_active_forward_is_that_of_the_batch_at_hand(tensors):
    trees = logps()
    with trees.on(tensors) as forward:
        assert trees.active is forward
    assert trees.active is None
