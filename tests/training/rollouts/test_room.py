"""What is computed at a time fits into memory: long thinking in few rows, short thinking in many."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen2Config

from anytime_training.rollouts.branching import Sampling, sample_branches
from anytime_training.rollouts.kv_cache import GrowingLayer
from anytime_training.rollouts.room import ON_CPU, Room, batches
from tiny_rollouts import EOS, rollouts, tiny_lm

DISTILL = Room(bytes=30 * 2**30, cached=2 * 28 * 2 * 128 * 2, computed=(3 * 8960 + 8 * 1536) * 2)
"""DeepSeek-R1-Distill-Qwen-1.5B in bfloat16, with 30 GiB for its rollouts."""


class Meta:
    """A model as far as its size is looked at."""

    device, dtype = torch.device("cpu"), torch.bfloat16
    config = Qwen2Config(
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2
    )


def test_the_bytes_of_a_token_are_those_of_the_models_shape():
    room = Room.beside(Meta())
    assert (room.bytes, room.cached, room.computed) == (ON_CPU, DISTILL.cached, DISTILL.computed)
    assert DISTILL.cached == 28_672


def test_memory_that_torch_keeps_after_an_update_is_free_for_rollouts(monkeypatch):
    """The GPU itself says that next to nothing is, and rollouts would go one by one."""

    class OnGpu(Meta):
        device = torch.device("cuda")

    for name, told in (("mem_get_info", (10, 100)), ("memory_reserved", 80), ("memory_allocated", 30)):
        monkeypatch.setattr(torch.cuda, name, lambda device, told=told: told)
    assert Room.beside(OnGpu()).bytes == (10 + 80 - 30) // 2


def test_long_thinking_of_a_real_model_takes_fewer_rows_than_short_thinking():
    long, again, short = DISTILL.rows(9344, 60), DISTILL.rows(9344, 9344), DISTILL.rows(300, 60)
    assert again < long < 64 < short
    for rows, tokens, new in ((long, 9344, 60), (again, 9344, 9344)):
        caches = 3 * rows * tokens * 28_672
        masks = rows * new * tokens * 5
        assert 0.6 * DISTILL.bytes < caches + masks + rows * new * DISTILL.computed <= DISTILL.bytes


def test_a_row_that_is_too_long_is_computed_alone():
    assert Room(bytes=10, cached=100, computed=100).rows(50) == 1


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), max_size=30), st.integers(1, 8))
def test_batches_hold_every_row_once_and_never_more_than_fits(sizes, most):
    room = Room(bytes=20_000, cached=3, computed=5)
    chosen = list(batches(sizes, most, room))
    assert sorted(index for batch in chosen for index in batch) == list(range(len(sizes)))
    for batch in chosen:
        tokens, new = (max(sizes[index][side] for index in batch) for side in (0, 1))
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) <= room.rows(tokens, new)
    assert len(list(batches(sizes, most, None))) == -(-len(sizes) // most)


def test_answers_are_the_same_however_few_rows_fit():
    model, stems = tiny_lm(), [one.stem for one in rollouts(3)]
    expected = sample_branches(model, stems, 2, 4, Sampling(0), (EOS,))
    seen = []
    model.get_decoder().register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    tight = Room(bytes=2 * 80 * 600, cached=150, computed=1000)
    assert sample_branches(model, stems, 2, 4, Sampling(0), (EOS,), room=tight) == expected
    assert 1 <= max(seen) < len(stems)


@pytest.mark.parametrize("limit", [10, 12, 30])
def test_a_cache_has_room_for_no_more_than_its_limit(limit):
    layer, keys = GrowingLayer(limit), torch.randn(1, 1, 10, 4)
    for index in range(10):
        known, _ = layer.update(keys[:, :, index : index + 1], keys[:, :, index : index + 1])
        assert torch.equal(known, keys[:, :, : index + 1])
        assert layer.keys.untyped_storage().nbytes() // 16 <= limit
