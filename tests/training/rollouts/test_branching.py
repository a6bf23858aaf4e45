"""Answers sampled off one cache: those that the model gives to each prompt alone."""

from dataclasses import replace
from random import Random

import pytest
import torch
from transformers import GenerationConfig

from anytime_training.rollouts.branching import Sampling, sample_branches
from anytime_training.rollouts.generation import generate
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import plan
from tiny_rollouts import BUDGETS, CLOSE, EOS, FORMAT, VOCAB, stem, tiny_lm, words

GREEDY = Sampling(temperature=0)


def stems(seed=0):
    rng = Random(seed)
    cases = [
        ("cut", 0),
        ("marker", 0),
        ("marker", 3),
        ("marker", 4),
        ("marker", 11),
        ("eos", 0),
        ("eos", 9),
        ("cut", 5),
    ]
    return [stem(rng, ending, length) for ending, length in cases]


def alone(model, prompt, max_tokens, eos_ids):
    config = GenerationConfig(
        do_sample=False, max_new_tokens=max_tokens, eos_token_id=list(eos_ids), pad_token_id=0, use_cache=True
    )
    ids = torch.tensor([prompt])
    return model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)[0, len(prompt) :].tolist()


@pytest.mark.parametrize("rows", [64, 3])
def test_greedy_answers_are_those_of_each_prompt_alone(rows):
    model, thinking = tiny_lm(), stems()
    eos_ids = (EOS, 20, 21, 22)
    results = sample_branches(model, thinking, 2, 9, GREEDY, eos_ids, rows)
    ended = 0
    for one, answers in zip(thinking, results, strict=True):
        assert len(answers) == 2 * len(BUDGETS)
        for index in range(len(BUDGETS)):
            prompt = one.prompt_of(index)
            expected = alone(model, prompt, 9, eos_ids) if prompt else []
            assert answers[2 * index] == answers[2 * index + 1] == expected
            ended += bool(expected) and expected[-1] in eos_ids and len(expected) < 9
    assert ended, "the case must hold answers that end early"


def test_unanswerable_budgets_have_empty_answers():
    (answers,) = sample_branches(tiny_lm(), [stem(Random(0), "eos", 5)], 3, 4, Sampling(), (EOS,))
    assert [bool(answer) for answer in answers] == [True] * 3 + [False] * 6


def test_nothing_is_sampled_when_nothing_can_be_answered():
    assert sample_branches(tiny_lm(), [stem(Random(0), "eos", 0)], 2, 4, Sampling(), (EOS,)) == [[[]] * 6]


def generated(model, seed=0, count=9):
    """Stems that the model thought itself, some ended by a marker or an end of turn, and the cache that is left."""
    rng, budgets = Random(seed), [2, 5, 8]
    stop_ids = (CLOSE, EOS, 20, 21)
    prompts = [words(rng, rng.randint(1, 7)) for _ in range(count)]
    torch.manual_seed(seed)
    settings = {"do_sample": True, "max_new_tokens": budgets[-1], "eos_token_id": list(stop_ids), "pad_token_id": 0}
    trunks, cached = generate(model, prompts, Stop(stop_ids), 0, **settings)
    format = replace(FORMAT, eos_ids=(EOS, 20, 21))
    return [plan(ids, trunk, budgets, format) for ids, trunk in zip(prompts, trunks, strict=True)], cached


@pytest.mark.parametrize("rows", [64, 4, 1])
def test_answers_off_the_cache_of_thinking_are_those_of_computing_it_again(rows):
    model = tiny_lm()
    thinking, cached = generated(model)
    assert {one.length for one in thinking} > {8}, "the case must hold thinking that ends early"
    assert any(fork is None for one in thinking for fork in one.forks.values())
    for _ in range(2):  # answering leaves the cache as it was
        assert sample_branches(model, thinking, 2, 5, GREEDY, (EOS,), rows, cached) == sample_branches(
            model, thinking, 2, 5, GREEDY, (EOS,)
        )


def test_thinking_that_is_cached_is_not_computed_again():
    model, seen = tiny_lm(), []
    thinking, cached = generated(model)
    model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[1]))
    sample_branches(model, thinking, 1, 1, GREEDY, (EOS,), cached=cached)
    forced = max(sum(len(fork.forced) for fork in one.forks.values() if fork) for one in thinking)
    assert seen == [forced + 1]


@pytest.mark.parametrize("max_tokens", [1, 2, 7])
def test_an_answer_ends_with_its_first_end_of_turn_or_at_the_limit(max_tokens):
    torch.manual_seed(0)
    eos_ids = tuple(range(0, VOCAB, 4))
    for answers in sample_branches(tiny_lm(), stems(), 4, max_tokens, Sampling(), eos_ids):
        for answer in filter(None, answers):
            assert not set(answer[:-1]) & set(eos_ids)
            assert answer[-1] in eos_ids or len(answer) == max_tokens


def test_the_best_token_alone_is_greedy():
    model, thinking = tiny_lm(), stems()
    expected = sample_branches(model, thinking, 2, 5, GREEDY, (EOS,))
    for sampling in (Sampling(top_k=1), Sampling(top_p=1e-6), Sampling(min_p=1.0), Sampling(temperature=1e-4)):
        assert sample_branches(model, thinking, 2, 5, sampling, (EOS,)) == expected


def test_answers_follow_the_models_distribution():
    """Pearson's statistic of both tokens of an answer, far beyond chance only if a distribution is wrong."""
    torch.manual_seed(0)
    model, temperature, samples = tiny_lm(), 1.7, 1000
    thinking = [stem(Random(1), "cut", 6), stem(Random(2), "marker", 5)]
    results = sample_branches(model, thinking, samples, 2, Sampling(temperature=temperature), ())
    for one, answers in zip(thinking, results, strict=True):
        for index in range(len(BUDGETS)):
            drawn = answers[samples * index : samples * (index + 1)]
            assert _excess([answer[0] for answer in drawn], model, one.prompt_of(index), temperature) < 6
            best = max({answer[0] for answer in drawn}, key=[answer[0] for answer in drawn].count)
            after = [answer[1] for answer in drawn if answer[0] == best]
            assert _excess(after, model, [*one.prompt_of(index), best], temperature) < 6


def _excess(tokens, model, prompt, temperature):
    """Standard deviations by which the statistic exceeds its mean, over the tokens expected at least 5 times."""
    with torch.no_grad():
        expected = len(tokens) * (model(torch.tensor([prompt])).logits[0, -1] / temperature).softmax(-1)
    counted = torch.bincount(torch.tensor(tokens), minlength=VOCAB)
    often = expected >= 5
    pairs = [(counted[often], expected[often]), (counted[~often].sum(), expected[~often].sum().clamp(min=1e-9))]
    statistic = sum(((seen - mean) ** 2 / mean).sum().item() for seen, mean in pairs if mean.sum() >= 5)
    freedom = max(int(often.sum()), 1)
    return (statistic - freedom) / (2 * freedom) ** 0.5


def test_branches_leave_no_trace_in_the_model():
    model = tiny_lm()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sample_branches(model, stems(), 1, 3, GREEDY, (EOS,))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_fork_without_forced_tokens_before_it_is_sampled_too():
    """A budget at the trunk's own end, without a closing or a cue, branches off the last trunk token."""
    bare = replace(FORMAT, closing_ids=(CLOSE,), cue_ids=())
    model, thinking = tiny_lm(), plan([9, 10], [11, 12, CLOSE], [2, 3, 4], bare)
    (answers,) = sample_branches(model, [thinking], 1, 4, GREEDY, (EOS,))
    assert answers == [alone(model, thinking.prompt_of(index), 4, (EOS,)) for index in range(3)]
