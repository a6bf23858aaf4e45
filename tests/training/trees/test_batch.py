"""Padded batches of packed rows through a model: log-probabilities and gradients of the separate sequences."""

from itertools import groupby

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_training.trees import batch as tree_batches
from anytime_training.trees.attention import PAIR_BYTES
from anytime_training.trees.batch import TreeBatch
from anytime_training.trees.flex import BLOCK, Shapes, compiling
from anytime_training.trees.packing import batch, pack
from searches import examples
from tiny_rollouts import GRADIENT, logps_of, rollouts, tiny_lm


def tree_batch(rows, flex=None):
    tensors = batch(rows, pad_id=0)
    ids = torch.cat([tensors["prompt_ids"], tensors["completion_ids"]], dim=1)
    mask = torch.cat([tensors["prompt_mask"], tensors["completion_mask"]], dim=1)
    return TreeBatch(ids, mask, tensors, tensors["completion_ids"].shape[1], flex), tensors


def forward(model, rows, max_tokens=None, skip_untrained=False, flex=None):
    """Log-probabilities (B, C) of all completion tokens, as the trainer gets them, and the number of groups."""
    trees, tensors = tree_batch(rows, flex)
    logps = torch.zeros(tensors["completion_ids"].shape, dtype=model.dtype)
    groups = trees.groups(max_tokens, skip_untrained)
    for group in groups:
        inputs, columns = trees.inputs(group)
        labels = inputs.pop("labels")[:, 1:]
        scores = model(**inputs).logits[:, :-1].log_softmax(-1)
        values = scores.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1).masked_fill(labels == -100, 0.0)
        logps = logps.index_copy(0, group, trees.place(values, columns))
    return logps, groups, tensors


def separate(model, packed):
    """Log-probabilities of a packed row's completion, each segment computed with its trunk as a plain sequence."""
    tree, expected = packed.tree, []
    segments = zip(tree.reach[packed.prompt_length :], tree.start[packed.prompt_length :], strict=True)
    for (reach, start), tokens in groupby(segments):
        length = sum(1 for _ in tokens)
        stop = packed.prompt_length + sum(map(len, expected)) + length
        expected.append(logps_of(model, [*tree.ids[:reach], *tree.ids[start:stop]])[-length:])
    return torch.cat(expected)


def sampled_only(packed):
    """Whether each completion token is a target that follows a token of its own segment, or a trunk token."""
    tree = packed.tree
    return torch.tensor([index > tree.start[index] for index in range(packed.prompt_length, len(tree.ids))])


def packed_rows(seed, count=5, compact=False):
    return [pack(rollout, compact) for rollout in rollouts(seed, count)]


@settings(max_examples=examples(15))
@given(st.integers(0, 10_000), st.sampled_from([None, 1, 60, 90]), st.booleans())
def test_log_probabilities_are_those_of_the_separate_sequences(seed, max_tokens, compact):
    model, rows = tiny_lm(), packed_rows(seed, 4, compact)
    with torch.no_grad():
        logps, _, _ = forward(model, rows, max_tokens)
        for index, row in enumerate(rows):
            if len(row.tree.ids) == row.prompt_length:
                continue
            kept = sampled_only(row)
            expected = separate(model, row)
            torch.testing.assert_close(logps[index, : len(kept)][kept], expected[kept], atol=1e-10, rtol=0)


@settings(max_examples=examples(5))
@given(st.integers(0, 10_000), st.sampled_from([None, 70]))
def test_gradients_are_those_of_the_separate_sequences(seed, max_tokens):
    packed, alone, rows = tiny_lm(), tiny_lm(), packed_rows(seed, 3)
    logps, _, tensors = forward(packed, rows, max_tokens)
    (logps * tensors["advantages"] * tensors["tool_mask"]).sum().backward()
    loss = 0.0
    for index, row in enumerate(rows):
        length = len(row.tree.ids) - row.prompt_length
        weights = (tensors["advantages"] * tensors["tool_mask"])[index, :length]
        loss = loss + (separate(alone, row) * weights).sum()
    loss.backward()
    for ours, theirs in zip(packed.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=GRADIENT, rtol=0)


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_groups_hold_every_row_once_within_the_limit(seed, limit):
    rows = packed_rows(seed)
    trees, _ = tree_batch(rows)
    groups = [group.tolist() for group in trees.groups(limit, skip_untrained=False)]
    assert sorted(row for group in groups for row in group) == list(range(len(rows)))
    for group in groups:
        longest = max(len(rows[row].tree.ids) for row in group)
        assert len(group) == 1 or len(group) * longest <= limit


@given(st.integers(0, 10_000), st.integers(1, 120))
def test_a_group_is_no_wider_than_its_limit_says(seed, limit):
    """The padding on the left of prompts counts too."""
    trees, _ = tree_batch(packed_rows(seed))
    for group in trees.groups(limit, skip_untrained=False):
        inputs, _ = trees.inputs(group)
        assert len(group) == 1 or inputs["input_ids"].numel() <= limit


def test_rows_without_a_trained_token_are_skipped_but_never_all():
    rows = packed_rows(0)
    for row in rows[:2]:
        row.tree.weights = [0.0] * len(row.tree.weights)
    trees, _ = tree_batch(rows)
    (kept,) = trees.groups(None, skip_untrained=True)
    assert sorted(kept.tolist()) == [2, 3, 4]
    for row in rows:
        row.tree.weights = [0.0] * len(row.tree.weights)
    trees, _ = tree_batch(rows)
    (kept,) = trees.groups(None, skip_untrained=True)
    assert len(kept) == 1


def test_skipped_rows_change_no_gradient():
    model, whole, rows = tiny_lm(), tiny_lm(), packed_rows(3, compact=True)
    rows[0].tree.weights = [0.0] * len(rows[0].tree.weights)
    for net, skip in ((model, True), (whole, False)):
        logps, _, tensors = forward(net, rows, skip_untrained=skip)
        (logps * tensors["advantages"] * tensors["tool_mask"]).sum().backward()
    for ours, theirs in zip(model.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=GRADIENT, rtol=0)


def test_flex_attention_agrees_with_sdpa():
    rows = packed_rows(1, 3)
    with torch.no_grad():
        expected, _, _ = forward(tiny_lm(dtype=torch.float32), rows)
        with compiling(shapes=2):
            model = tiny_lm(dtype=torch.float32, attention="flex_attention")
            logps, groups, _ = forward(model, rows, flex=Shapes())
    assert [len(group) for group in groups] == [2, 1]
    torch.testing.assert_close(logps, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("max_tokens", [None, 40])
def test_flex_rows_are_padded_to_a_shape_and_see_what_they_see_under_sdpa(max_tokens):
    rows = packed_rows(1, 3)
    trees, plain_trees = tree_batch(rows, Shapes())[0], tree_batch(rows)[0]
    for group in trees.groups(max_tokens, skip_untrained=False):
        inputs, columns = trees.inputs(group)
        length = inputs["input_ids"].shape[1]
        assert length == Shapes().length(columns.stop - columns.start)
        width = columns.stop - columns.start
        assert (inputs["labels"][:, width:] == -100).all()
        index = torch.arange(length)
        dense = inputs["attention_mask"].mask_mod
        seen = dense(torch.zeros(1, 1, dtype=torch.long), torch.tensor(0), index.view(-1, 1), index.view(1, -1))
        plain, _ = plain_trees.inputs(group)
        assert torch.equal(seen[:width, :width], plain["attention_mask"][0, 0])
        assert not seen[:width, width:].any()


@given(st.integers(0, 10_000), st.integers(1, 9), st.sampled_from([None, BLOCK, 3 * BLOCK, 10 * BLOCK]))
def test_flex_groups_hold_every_row_once_in_powers_of_two_within_the_padded_limit(seed, count, limit):
    trees, _ = tree_batch(packed_rows(seed, count), Shapes())
    groups = [group.tolist() for group in trees.groups(limit, skip_untrained=False)]
    assert sorted(row for group in groups for row in group) == list(range(count))
    for group in groups:
        assert len(group).bit_count() == 1
        padded = trees.inputs(torch.tensor(group))[0]["input_ids"].numel()
        assert limit is None or len(group) == 1 or padded <= limit


def test_masks_of_a_group_take_no_more_than_their_bytes(monkeypatch):
    rows = packed_rows(0, 8)
    trees, _ = tree_batch(rows)
    assert len(trees.groups(None, skip_untrained=False)) == 1
    most = max(len(row.tree.ids) for row in rows) ** 2 * 2 * PAIR_BYTES
    monkeypatch.setattr(tree_batches, "MASK_BYTES", most)
    groups = trees.groups(None, skip_untrained=False)
    assert sorted(row for group in groups for row in group.tolist()) == list(range(8))
    assert len(groups) > 1
    for group in groups:
        mask = trees.inputs(group)[0]["attention_mask"]
        biases = sum(block.bias.nbytes for block in mask.blocks(torch.float32))
        assert len(group) == 1 or mask.as_subclass(torch.Tensor).nbytes + biases <= most
