"""Packed rollouts: what is trained, with which advantage, and that leaving out and merging changes no gradient."""

from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_training.trees.packing import batch, pack
from searches import examples
from tiny_rollouts import BUDGETS, CLOSE, ENDINGS, EOS, GRADIENT, logps_of, scored, stem, tiny_lm

SEEDS = st.integers(0, 10_000)


def rollout(seed, logps=False):
    rng = Random(seed)
    return scored(rng, rng.choice(ENDINGS), rng.randint(0, 11), 2, logps)


def packed_loss(model, packed):
    """Sum of weight x advantage x log-probability over the targets of a row, segment by segment."""
    tree, total = packed.tree, torch.zeros((), dtype=model.dtype)
    for start in sorted(set(tree.start)):
        inside = [index for index in range(len(tree.ids)) if tree.start[index] == start]
        reach = tree.reach[inside[0]]
        logps = logps_of(model, [*tree.ids[:reach], *(tree.ids[index] for index in inside)])
        for place, index in enumerate(inside):
            if factor := tree.weights[index] * packed.advantages[index]:
                total = total + factor * logps[reach + place - 1]
    return total


def separate_loss(model, one):
    """The same over one plain sequence an answer: thinking once, each answer as often as it was sampled."""
    thinking = logps_of(model, list(one.stem.ids))[len(one.stem.prompt_ids) - 1 :]
    total = (thinking * torch.tensor(expected_trunk_advantages(one), dtype=model.dtype)).sum()
    for index, answer in enumerate(one.answers):
        if answer:
            prompt = one.stem.prompt_of(index // one.samples)
            total = total + one.answer_advantages[index] * logps_of(model, [*prompt, *answer])[len(prompt) - 1 :].sum()
    return total


def expected_trunk_advantages(one):
    """Token n belongs to the first segment whose budget is beyond it; a close marker at the last budget to the last."""
    values = []
    for place in range(len(one.stem.trunk_ids)):
        segment = next((index for index, budget in enumerate(BUDGETS) if place < budget), len(BUDGETS) - 1)
        values.append(one.thinking_advantages[segment])
    return values


@given(SEEDS)
def test_trunk_tokens_have_the_advantage_of_their_segment(seed):
    one = rollout(seed)
    assert one.trunk_advantages == expected_trunk_advantages(one)


@pytest.mark.parametrize(("length", "last"), [(3, 1.0), (4, 2.0), (7, 2.0), (8, 3.0), (11, 3.0), (12, 3.0)])
def test_the_close_marker_belongs_to_the_segment_it_lies_in(length, last):
    one = replace(rollout(0), stem=stem(Random(0), "marker", length), thinking_advantages=[1.0, 2.0, 3.0])
    assert one.stem.trunk_ids[-1] == CLOSE
    assert one.trunk_advantages[-1] == last
    assert len(one.trunk_advantages) == length + 1


@given(SEEDS, st.booleans())
def test_what_was_not_sampled_is_never_trained(seed, compact):
    """Each target is a trunk token or an answer's; prompt, closing and cue have weight 0."""
    one = rollout(seed)
    packed = pack(one, compact)
    tree, prompt = packed.tree, len(one.stem.prompt_ids)
    assert not any(tree.weights[:prompt])
    forced = {(fork.reach, fork.forced) for fork in one.stem.forks.values() if fork}
    sampled = {tuple(answer) for answer in one.answers}
    for start in {start for start in tree.start if start}:
        inside = [index for index in range(len(tree.ids)) if tree.start[index] == start]
        trained = [bool(tree.weights[index]) for index in inside]
        untrained = trained.index(True)
        assert all(trained[untrained:])
        ids = tuple(tree.ids[index] for index in inside)
        assert (tree.reach[start], ids[:untrained]) in forced
        assert ids[untrained:] in sampled


@given(SEEDS)
def test_every_sampled_token_is_counted_once(seed):
    one = rollout(seed)
    weights = pack(one, compact=False).tree.weights
    assert sum(weights) == len(one.stem.trunk_ids) + sum(map(len, one.answers))


@settings(max_examples=examples(25))
@given(SEEDS, st.booleans())
def test_merged_and_compact_rows_have_the_loss_of_every_answer_alone(seed, compact):
    model, one = tiny_lm(), rollout(seed)
    with torch.no_grad():
        torch.testing.assert_close(packed_loss(model, pack(one, compact)), separate_loss(model, one), atol=1e-9, rtol=0)


@settings(max_examples=examples(8))
@given(SEEDS)
def test_compact_rows_have_the_gradient_of_whole_ones(seed):
    one = rollout(seed)
    models = tiny_lm(), tiny_lm()
    for model, compact in zip(models, (True, False), strict=True):
        (packed_loss(model, pack(one, compact)) + 0 * model.model.embed_tokens.weight.sum()).backward()
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        zero = torch.zeros_like(ours)
        pair = (zero if ours.grad is None else ours.grad), (zero if theirs.grad is None else theirs.grad)
        torch.testing.assert_close(*pair, atol=GRADIENT, rtol=0)


@given(SEEDS)
def test_compact_drops_what_has_no_advantage_and_nothing_else(seed):
    one = rollout(seed)
    packed = pack(one, compact=True)
    tree = packed.tree
    assert all(bool(packed.advantages[index]) == bool(weight) for index, weight in enumerate(tree.weights))
    needed = [index for index, advantage in enumerate(one.trunk_advantages) if advantage]
    reached = [reach - len(one.stem.prompt_ids) for reach in tree.reach if reach]
    kept = sum(start == 0 for start in tree.start) - len(one.stem.prompt_ids)
    assert kept == max([0, *(index + 1 for index in needed), *reached])


def test_a_rollout_without_any_advantage_is_its_prompt():
    one = rollout(0)
    flat = replace(one, thinking_advantages=[0.0] * 3, answer_advantages=[0.0] * len(one.answers))
    assert pack(flat, compact=True).tree.ids == list(one.stem.prompt_ids)
    assert len(pack(flat, compact=False).tree.ids) > len(one.stem.ids)


@pytest.mark.parametrize("ending", ENDINGS)
def test_identical_answers_to_the_same_thinking_are_merged_and_counted(ending):
    thinking = stem(Random(0), ending, 5)
    answers = [[9, EOS] if thinking.prompt_of(index // 2) else [] for index in range(6)]
    one = replace(
        rollout(0), stem=thinking, answers=answers, answer_advantages=[0.5] * 6, thinking_advantages=[0.0, 1.0, 0.0]
    )
    branches = [weight for weight in pack(one, compact=False).tree.weights if weight > 1]
    assert branches == {"cut": [2, 2] * 3, "marker": [2, 2, 4, 4], "eos": [2, 2]}[ending]


@given(SEEDS)
def test_separate_tokens_are_the_lengths_of_one_sequence_an_answer(seed):
    one = rollout(seed)
    prompts = [one.stem.prompt_of(index // one.samples) for index in range(len(one.answers))]
    expected = sum(len(prompt) + len(ids) for prompt, ids in zip(prompts, one.answers, strict=True) if prompt)
    for compact in (True, False):
        assert pack(one, compact).separate_tokens == expected


@given(SEEDS)
def test_whole_tokens_are_those_of_a_tree_with_nothing_left_out(seed):
    one = rollout(seed)
    whole, compact = pack(one, compact=False), pack(one, compact=True)
    assert compact.whole_tokens == whole.whole_tokens == len(whole.tree.ids)


@given(SEEDS)
def test_sampling_logps_lie_beside_their_tokens(seed):
    one = rollout(seed, logps=True)
    packed = pack(one, compact=False)
    tree, prompt = packed.tree, len(one.stem.prompt_ids)
    trunk = [packed.sampling_logps[index] for index in range(len(tree.ids)) if tree.start[index] == 0][prompt:]
    assert trunk == list(one.trunk_logps)
    known = dict(zip(map(tuple, one.answers), one.answer_logps, strict=True))
    assert len(packed.sampling_logps) == len(packed.advantages) == len(tree.ids)
    for start in {start for start in tree.start if start}:
        inside = [index for index in range(len(tree.ids)) if tree.start[index] == start and tree.weights[index]]
        logps = [packed.sampling_logps[index] for index in inside]
        assert len(logps) == len(known[tuple(tree.ids[index] for index in inside)])
        assert all(logp < 0 for logp in logps)


@given(st.lists(SEEDS, min_size=1, max_size=4), st.booleans())
def test_a_batch_holds_prompts_on_the_left_and_trees_on_the_right(seeds, compact):
    rows = [pack(rollout(seed, logps=True), compact) for seed in seeds]
    tensors = batch(rows, pad_id=0)
    for index, row in enumerate(rows):
        size, prompt = len(row.tree.ids), row.prompt_length
        ids = torch.cat([tensors["prompt_ids"][index], tensors["completion_ids"][index]])
        valid = torch.cat([tensors["prompt_mask"][index], tensors["completion_mask"][index]]).bool()
        assert ids[valid].tolist() == row.tree.ids
        columns = tensors["completion_mask"][index].bool()
        assert columns[: size - prompt].all()
        for name, values in (
            ("tool_mask", row.tree.weights),
            ("tree_reach", row.tree.reach),
            ("tree_start", row.tree.start),
            ("tree_position", row.tree.positions),
        ):
            assert tensors[name][index][columns].tolist() == values[prompt:]
        assert not tensors["tool_mask"][index][~columns].any()
        torch.testing.assert_close(tensors["advantages"][index][columns], torch.tensor(row.advantages[prompt:]))
    assert tensors["sampling_per_token_logps"].shape == tensors["completion_ids"].shape
    told = [batch([pack(rollout(seed), compact=False)], pad_id=0) for seed in seeds]
    assert all("sampling_per_token_logps" not in tensors for tensors in told)


def test_rows_of_prompts_alone_keep_the_samplers_logps():
    """When all rewards of a batch are alike, nothing is left of its rows, and the importance weights need a tensor."""
    one = rollout(0, logps=True)
    flat = replace(one, thinking_advantages=[0.0] * 3, answer_advantages=[0.0] * len(one.answers))
    assert "sampling_per_token_logps" in batch([pack(flat, compact=True)] * 2, pad_id=0)


def test_rows_of_prompts_alone_have_no_logps_where_the_sampler_tells_none():
    """One of several processes whose rewards are all alike must not wait for the others to compare theirs."""
    one = rollout(0)
    flat = replace(one, thinking_advantages=[0.0] * 3, answer_advantages=[0.0] * len(one.answers))
    assert "sampling_per_token_logps" not in batch([pack(flat, compact=True)] * 2, pad_id=0)
