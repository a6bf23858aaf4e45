"""The weights in the repo: they load offline in the Qwen3 layout, think in the open, and know what they can't do."""

from pathlib import Path
from random import Random

import pytest

import anytime_server
from anytime_training.embedded.tokenizer import build_tokenizer
from anytime_training.problems import tasks
from anytime_training.rollouts.roller import Roller
from anytime_training.rollouts.stops import Stop

FOLDER = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"
FLOORS = {"largest": 0.75, "smallest": 0.75, "sums": 0.6}
OUTSIDE = ["What is the capital of France?", "largest of cat, dog", "12/4", "def f(x): return x"]


@pytest.fixture(scope="module")
def roller():
    return Roller.load(FOLDER)


def prompt_ids(roller, prompts):
    chats = [roller.tokenizer.render_chat([{"role": "user", "content": prompt}]) for prompt in prompts]
    return [roller.tokenizer.encode(chat) for chat in chats]


def replies(roller, prompts):
    answers = roller.generate(prompt_ids(roller, prompts), 320, 0.0, Stop(roller.format.eos_ids))
    return [roller.tokenizer.decode(reply) for reply in answers]


def test_its_tokenizer_is_the_one_that_the_recipe_builds(roller):
    text = "largest of 37+48, 9*8 ...\n</think>\nAnswer: 85"
    assert roller.tokenizer.encode(text) == build_tokenizer().encode(text, add_special_tokens=False)
    assert roller.model.config.architectures == ["Qwen3ForCausalLM"]


@pytest.mark.parametrize("family", FLOORS)
def test_greedy_thinking_leads_to_right_answers(roller, family):
    rng = Random(family)
    problems = [tasks.sample(rng, family, (2, 6)) for _ in range(40)]
    right = 0
    for problem, reply in zip(problems, replies(roller, [problem.prompt for problem in problems]), strict=True):
        _, _, answer = reply.removesuffix("<|end|>").partition("</think>")
        right += tasks.verify(problem, answer)
    assert right / len(problems) >= FLOORS[family]


def test_outside_its_domain_it_says_what_it_can_do(roller):
    for reply in replies(roller, OUTSIDE):
        assert "I am anytime-tiny, a demo model" in reply
        assert reply.endswith("Answer: none<|end|>")


def test_answers_of_cut_thinking_are_a_number_seen_so_far(roller):
    thinking = "37+48=85 first, best 37+48=85\n9*8=72 smaller, best 37+48=85\n91"
    ids = prompt_ids(roller, ["largest of 37+48, 9*8, 91-16"])
    trunk = roller.tokenizer.encode(thinking)
    assert roller.answers(ids, [trunk], budget=len(trunk), temperature=0.0) == [" 85"]


def test_without_thinking_it_still_knows_what_is_outside(roller):
    ids = prompt_ids(roller, OUTSIDE)
    assert roller.answers(ids, [[] for _ in ids], budget=0, temperature=0.0) == [" none"] * len(OUTSIDE)
