"""flex_attention: block masks without a dense one, few shapes, and an error where torch would run without a kernel."""

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask

from anytime_training.errors import TrainingError
from anytime_training.trees.flex import BLOCK, KINDS, Shapes, block_mask, compiling
from anytime_training.trees.row import TreeRow, attention_mask, collate
from searches import examples

MICRO_BATCH = 2
LONGEST = 1024 + 8000 + 16 * (128 + 14)
"""The most tokens of a packed row in r1-distill-1.5b-8k: prompt, thinking, and 16 answers with what is forced."""


def padded_trees(rng, blocks):
    """Rows of so many blocks, with padding on both sides: reach, start and valid (B, T)."""
    rows = []
    for _ in range(2):
        row, trunk = TreeRow(), rng.randint(1, blocks * BLOCK - 1)
        row.extend([0] * trunk, [0.0] * trunk)
        while (room := blocks * BLOCK - len(row.ids)) > 1 and rng.random() < 0.8:
            size = rng.randint(1, room)
            row.fork(rng.randint(1, trunk), [0] * size, [0.0] * size)
        rows.append(row)
    filler = TreeRow()
    filler.extend([0] * blocks * BLOCK, [0.0] * blocks * BLOCK)
    batch = collate([*rows, filler], pad_id=0)
    index = torch.arange(blocks * BLOCK)
    lengths = torch.tensor([[len(row.ids)] for row in [*rows, filler]])
    return batch["reach"], batch["start"], (index >= rng.randint(0, 150)) & (index < lengths)


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_blocks_are_those_of_the_dense_mask(seed, blocks):
    reach, start, valid = padded_trees(Random(seed), blocks)
    mask = block_mask(reach, start, valid)
    dense = attention_mask(reach, start, valid).as_subclass(torch.Tensor)
    expected = create_block_mask(mask.mask_mod, len(reach), None, blocks * BLOCK, blocks * BLOCK, device="cpu")
    index = torch.arange(blocks * BLOCK)
    rows = torch.arange(len(reach)).view(-1, 1, 1)
    assert torch.equal(mask.mask_mod(rows, torch.tensor(0), index.view(1, -1, 1), index.view(1, 1, -1)), dense[:, 0])
    assert torch.equal(mask.to_dense(), expected.to_dense())
    for ours, theirs in ((mask.kv_num_blocks, expected.kv_num_blocks), (mask.q_num_blocks, expected.q_num_blocks)):
        assert torch.equal(ours, theirs)
    assert torch.equal(mask.full_kv_num_blocks, expected.full_kv_num_blocks)
    assert torch.equal(mask.full_q_num_blocks, expected.full_q_num_blocks)


def test_the_block_mask_skips_the_blocks_that_nobody_sees():
    """Two branches of a block each: the second does not see the first."""
    row = TreeRow()
    row.extend([8] * 128, [0.0] * 128)
    row.fork(128, [9] * 128, [0.0] * 128)
    row.fork(128, [9] * 128, [0.0] * 128)
    batch = collate([row], pad_id=0)
    mask = block_mask(batch["reach"], batch["start"], torch.ones(1, 384, dtype=torch.bool))
    assert mask.to_dense()[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    assert mask.full_kv_num_blocks[0, 0].tolist() == [0, 1, 1]


def test_no_tensor_of_a_block_mask_holds_every_pair_of_tokens():
    """A row of 10,240 tokens has 105 million pairs; the mask is made of tensors of at most a 128th of them."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.numel())
            return result

    length = 5 * 2048
    reach, valid = torch.zeros(1, length, dtype=torch.long), torch.ones(1, length, dtype=torch.bool)
    with Sizes():
        block_mask(reach, torch.zeros_like(reach), valid)
    assert length <= largest <= length**2 // BLOCK


@pytest.mark.parametrize(
    ("tokens", "length"),
    [(1, 128), (128, 128), (129, 256), (257, 512), (1025, 2048), (2048, 2048), (2049, 4096), (9000, 10240)],
)
def test_lengths_are_powers_of_two_blocks_up_to_a_step_then_steps(tokens, length):
    assert Shapes().length(tokens) == length


def test_a_step_that_is_no_power_of_two_is_the_largest_length_below_itself():
    assert [Shapes(640).length(tokens) for tokens in (512, 513, 640, 641)] == [512, 640, 640, 1280]


@pytest.mark.parametrize("step", [0, 100, 2000])
def test_a_step_of_broken_blocks_is_refused_by_name(step):
    with pytest.raises(ValueError, match=f"flex_step {step} must be a multiple of 128"):
        Shapes(step)


def test_thousands_of_rows_have_few_shapes():
    """Lengths as of a run: half are cut at the largest budget, and the others end anywhere."""
    rng, shapes = Random(0), Shapes()
    seen = set()
    for _ in range(5000):
        count = rng.randint(1, MICRO_BATCH)
        thinking = rng.choice([8000, rng.randint(100, 8000)])
        length = rng.randint(30, 1024) + thinking + rng.randint(0, 16) * rng.randint(15, 142)
        seen |= {(rows, shapes.length(length)) for rows in shapes.rows(count)}
    assert len(seen) <= shapes.count(LONGEST, MICRO_BATCH) == 20
    assert {length % 2048 for _, length in seen if length > 2048} == {0}


def test_one_shape_too_many_is_an_error_that_says_what_to_do():
    """As in flex_attention, each shape is compiled; here without a compiler, so that it takes no time."""
    torch._dynamo.reset()
    double = torch.compile(lambda values: values * 2, backend="eager")
    with compiling(shapes=2):
        for length in range(2, 2 + 2 * KINDS):
            double(torch.zeros(length))
        double(torch.zeros(2))
        with pytest.raises(TrainingError, match=r"8 kinds of batches.*raise trainer\.flex_step"), compiling(shapes=2):
            double(torch.zeros(99))
    torch._dynamo.reset()
