"""Packed rows: each token sees its own branch and what it branched off, and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_training.trees.row import TreeRow, attention_mask, collate
from searches import examples
from tiny_rollouts import GRADIENT, VOCAB, logps_of, tiny_lm


@st.composite
def trees(draw):
    """A trunk and branches, as a packed row and as the separate sequences with the packed index of each token."""
    tokens = st.integers(0, VOCAB - 1)
    trunk = draw(st.lists(tokens, min_size=1, max_size=12))
    row = TreeRow()
    row.extend(trunk, [1.0] * len(trunk))
    sequences = [(trunk, list(range(len(trunk))))]
    for _ in range(draw(st.integers(0, 4))):
        at, ids = draw(st.integers(1, len(trunk))), draw(st.lists(tokens, min_size=1, max_size=5))
        start = len(row.ids)
        row.fork(at, ids, [1.0] * len(ids))
        sequences.append(([*trunk[:at], *ids], [*range(at), *range(start, start + len(ids))]))
    return row, sequences


def seen(sequences, length):
    """What each token may see: itself and all before it in any sequence that holds it."""
    mask = torch.zeros(length, length, dtype=torch.bool)
    for _, indices in sequences:
        for place, index in enumerate(indices):
            mask[index, indices[: place + 1]] = True
    return mask


@given(trees())
def test_a_token_sees_its_own_sequence_only(tree):
    row, sequences = tree
    batch = collate([row], pad_id=0)
    (mask,) = attention_mask(batch["reach"], batch["start"])[0]
    assert torch.equal(mask, seen(sequences, len(row.ids)))
    for _, indices in sequences:
        assert [row.positions[index] for index in indices] == list(range(len(indices)))


@settings(max_examples=examples(30))
@given(st.lists(trees(), min_size=1, max_size=4))
def test_logits_of_packed_rows_are_those_of_the_separate_sequences(batch_of_trees):
    model = tiny_lm()
    batch = collate([row for row, _ in batch_of_trees], pad_id=0)
    with torch.no_grad():
        mask = attention_mask(batch["reach"], batch["start"])
        packed = model(batch["input_ids"], position_ids=batch["position_ids"], attention_mask=mask).logits
        for index, (_, sequences) in enumerate(batch_of_trees):
            for ids, indices in sequences:
                alone = model(torch.tensor([ids])).logits[0]
                torch.testing.assert_close(packed[index, indices], alone, atol=1e-10, rtol=0)


def test_gradients_of_a_packed_row_are_those_of_the_separate_sequences():
    trunk, forks = [3, 9, 14, 20, 8], [(2, [5, 11]), (2, [5, 12, 9]), (5, [6])]
    row = TreeRow()
    row.extend(trunk, [1.0] * 5)
    for at, ids in forks:
        row.fork(at, ids, [1.0] * len(ids))
    batch = collate([row, TreeRow([1], [0], [0], [0], [0.0])], pad_id=0)
    packed, alone = tiny_lm(), tiny_lm()
    mask = attention_mask(batch["reach"], batch["start"])
    logits = packed(batch["input_ids"], position_ids=batch["position_ids"], attention_mask=mask).logits[0]
    total = logits[:4].log_softmax(-1)[range(4), trunk[1:]].sum()
    first = 5
    for _, ids in forks:
        inside = range(first, first + len(ids) - 1)
        total = total + logits[inside].log_softmax(-1)[range(len(ids) - 1), ids[1:]].sum()
        first += len(ids)
    total.backward()
    branches = sum(logps_of(alone, [*trunk[:at], *ids])[at:].sum() for at, ids in forks)
    (logps_of(alone, trunk).sum() + branches).backward()
    for ours, theirs in zip(packed.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=GRADIENT, rtol=0)


@given(trees(), st.integers(1, 4))
def test_padding_is_seen_by_itself_only(tree, extra):
    row, _ = tree
    longer = TreeRow()
    longer.extend([7] * (len(row.ids) + extra), [0.0] * (len(row.ids) + extra))
    batch = collate([row, longer], pad_id=0)
    mask = attention_mask(batch["reach"], batch["start"])[0, 0]
    for index in range(len(row.ids), len(longer.ids)):
        assert mask[index].nonzero().flatten().tolist() == [index]
        assert mask[:, index].nonzero().flatten().tolist() == [index]


def test_padding_reaches_the_next_multiple():
    row = TreeRow()
    row.extend([7] * 9, [1.0] * 9)
    assert collate([row], pad_id=0, multiple=8)["input_ids"].tolist() == [[7] * 9 + [0] * 7]
    assert collate([row], pad_id=0, multiple=9)["start"].tolist() == [[0] * 9]


def test_an_empty_row_is_all_padding():
    row = TreeRow()
    row.extend([7, 8], [1.0, 0.5])
    batch = collate([TreeRow(), row], pad_id=3)
    assert batch["input_ids"].tolist() == [[3, 3], [7, 8]]
    assert batch["weights"].tolist() == [[0.0, 0.0], [1.0, 0.5]]


def test_tokens_without_weights_are_an_error():
    with pytest.raises(ValueError, match="2 tokens but 1 weights"):
        TreeRow().extend([1, 2], [1.0])
