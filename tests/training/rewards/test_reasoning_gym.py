"""The scorers of reasoning_gym as verifiers: a threshold, the value alone, and junk that earns nothing."""

import pytest

from anytime_training import gym
from anytime_training.rewards.answer import AnswerReward
from anytime_training.rewards.reasoning_gym import GymScorer, said
from anytime_training.rewards.strict import StrictRule

CUE = "\n\n**Final Answer**\n"


@pytest.fixture
def judged():
    pytest.importorskip("reasoning_gym", reason="needs the extra gym: pip install 'anytime-reasoning[gym]'")

    def judge(name, *answers, threshold=1.0, config=None):
        """What is right of some answers to the first problem; {} stands for its own answer."""
        entry = gym.make_data_set(name, config or {}, 1, 3)[0]
        verify = GymScorer(name, config or {}, threshold, CUE).load()
        texts = [answer.replace("{}", str(entry["answer"])) for answer in answers]
        return [verify(text, [], gym.to_json(entry)) for text in texts]

    return judge


def test_the_value_is_found_after_the_cue_in_a_box_and_under_its_dress(judged):
    answers = ["{}", CUE + "{}", CUE + "{}\n", CUE + r"\boxed{{}}", CUE + "**{}**", CUE + "{} or 7", CUE]
    assert judged("chain_sum", *answers) == [True, True, True, True, True, False, False]


def test_a_score_below_the_threshold_is_wrong(judged):
    assert judged("countdown", "{}", "junk", "1+1") == [True, False, False]
    assert judged("countdown", "junk", "1+1", threshold=0.05) == [False, True]
    assert judged("countdown", "junk", threshold=0.01) == [True]


def test_an_answer_that_the_scorer_can_not_read_is_wrong(judged):
    assert judged("prime_factorization", "junk", "{}") == [False, True]


def test_entries_with_tuples_are_scored_as_the_library_does(judged):
    assert judged("rearc", "{}", "junk") == [True, False]


def test_an_answer_of_several_lines_stays_as_it_is(judged):
    assert judged("mini_sudoku", CUE + "{}", "{}") == [True, True]


def test_what_is_said_of_a_line_is_tried_with_and_without_its_dress():
    assert said("Answer: 3\n\n**Final Answer**\n**12**") == ["**12**", "12"]
    assert said("\nAnswer: 7", "\nAnswer:") == ["7"]
    assert said(r"\boxed{1 + 2}.") == ["1 + 2"]
    assert said("1 2\n3 4\n") == ["1 2\n3 4"]


def test_the_reward_runs_a_scorer_in_the_pool_under_the_strict_rule():
    pytest.importorskip("reasoning_gym", reason="needs the extra gym: pip install 'anytime-reasoning[gym]'")
    entry = gym.make_data_set("chain_sum", {}, 1, 3)[0]
    scorer = GymScorer("chain_sum", {}, 1.0, CUE)
    texts = [CUE + entry["answer"], CUE + "junk", CUE + "Well.\n\n" + entry["answer"]]
    with AnswerReward.create(scorer, workers=1, rule=StrictRule(CUE)) as reward:
        columns = {"entry": [gym.to_json(entry)] * 3, "family": ["chain_sum"] * 3}
        assert reward(texts, [[entry["answer"]]] * 3, **columns) == [1.0, 0.0, 0.0]
