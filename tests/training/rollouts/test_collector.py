"""Rollouts of prompts with any sampler: prompts in, stems with answers out."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

import anytime_server
from anytime_server.controller import ThinkingFormat, branch
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.rollouts.collector import Collector

TINY = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"
BUDGETS = [2, 4, 8]
PROMPT = "largest of 3, 4"


class Script:
    """Thinks the given text, and answers every cut with the number of its prompt's tokens."""

    def __init__(self, tokenizer, thinking):
        self.tokenizer, self.thinking, self.groups, self.asked = tokenizer, thinking, [], []

    def think(self, prompts, group):
        self.groups.append(group)
        return [self.tokenizer.encode(self.thinking) for _ in prompts], [[-0.5] for _ in prompts]

    def answer(self, stems):
        self.asked += [stem.prompt_of(index) for stem in stems for index in range(len(BUDGETS))]
        return [[[len(stem.prompt_of(index))] for index in range(len(BUDGETS))] for stem in stems], None


@pytest.fixture(scope="module")
def tokenizer():
    return HFTokenizer(AutoTokenizer.from_pretrained(TINY))


@pytest.fixture
def collector(tokenizer):
    format = ThinkingFormat.resolve(tokenizer)
    return Collector(Script(tokenizer, "3, 4 and 5 and 6"), tokenizer, format, BUDGETS)


def test_thinking_is_cut_at_every_budget_as_the_server_cuts_it(collector):
    rollouts = collector.collect([PROMPT, PROMPT], 2)
    prompt = collector.prompt_ids(PROMPT)
    trunk = collector.tokenizer.encode("3, 4 and 5 and 6")
    assert collector.sampler.groups == [2]
    assert collector.sampler.asked == [branch(prompt, trunk, at, collector.format) for at in BUDGETS] * 2
    assert len(rollouts.rows) == 2
    for rollout in rollouts.rows:
        assert rollout.stem.trunk_ids == tuple(trunk)
        assert rollout.answers == [[len(branch(prompt, trunk, at, collector.format))] for at in BUDGETS]
        assert rollout.trunk_logps == [-0.5]
        assert rollout.answer_logps == ()


def test_a_text_and_the_same_as_a_message_are_one_prompt_and_open_the_thinking(collector):
    ids = collector.prompt_ids(PROMPT)
    assert ids == collector.prompt_ids([{"role": "user", "content": PROMPT}])
    assert set(collector.format.open_ids) <= set(ids)


def test_texts_have_no_end_of_turn(collector):
    ids = collector.tokenizer.encode("3, 4")
    assert collector.text([*ids, collector.format.eos_ids[0]]) == collector.text(ids) == collector.tokenizer.decode(ids)
