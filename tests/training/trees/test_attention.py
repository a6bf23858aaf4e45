"""sdpa under a tree's mask: the values and gradients of the plain mask, from fewer keys."""

from random import Random

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from anytime_training.trees.attention import QUERIES, TreeMask
from anytime_training.trees.row import TreeRow, attention_mask, collate


def mask_of(seed, trunk, branches, rows=2):
    rng, trees = Random(seed), []
    for _ in range(rows):
        row, length = TreeRow(), rng.randint(trunk // 2, trunk)
        row.extend([0] * length, [0.0] * length)
        for _ in range(branches):
            size = rng.randint(1, 60)
            row.fork(rng.randint(1, length), [0] * size, [0.0] * size)
        trees.append(row)
    batch = collate(trees, pad_id=0)
    lengths = torch.tensor([len(row.ids) for row in trees]).unsqueeze(1)
    return attention_mask(batch["reach"], batch["start"], torch.arange(batch["reach"].shape[1]) < lengths)


def attend(mask, dtype, seed=0):
    """The output of attention, and the gradients of query, key and value."""
    generator = torch.Generator().manual_seed(seed)
    shape = mask.shape[0], 3, mask.shape[2], 8
    inputs = [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(3)]
    output = scaled_dot_product_attention(*inputs, attn_mask=mask, scale=0.3)
    output.backward(torch.randn(shape, generator=generator, dtype=dtype))
    return [output.detach(), *(tensor.grad for tensor in inputs)]


@pytest.mark.parametrize(("trunk", "branches"), [(40, 2), (QUERIES, 0), (QUERIES + 1, 5), (3 * QUERIES, 12)])
def test_attention_is_that_of_the_plain_mask(trunk, branches):
    mask = mask_of(trunk, trunk, branches)
    for ours, plain in zip(
        attend(mask, torch.float64), attend(mask.as_subclass(torch.Tensor), torch.float64), strict=True
    ):
        torch.testing.assert_close(ours, plain, atol=1e-12, rtol=0)


def test_half_of_a_long_trees_keys_are_left_out():
    mask = mask_of(1, 8 * QUERIES, 16)
    computed = sum(block.bias[0].numel() for block in mask.blocks(torch.float32))
    assert computed < 0.6 * mask[0].numel()


def test_the_layers_of_a_model_share_the_blocks_of_their_dtype():
    mask = mask_of(2, 30, 2)
    assert mask.blocks(torch.float32) is mask.blocks(torch.float32)
    assert mask.blocks(torch.bfloat16)[0].bias.dtype == torch.bfloat16


def test_what_else_is_done_with_a_mask_gives_plain_tensors():
    mask = mask_of(3, 30, 2)
    assert isinstance(mask, TreeMask)
    assert type(mask[:, :, :4]) is type(~mask) is torch.Tensor
