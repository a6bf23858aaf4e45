"""The reward function as TRL calls it."""

import multiprocessing

import pytest

from anytime_training.errors import VerifierError
from anytime_training.rewards.answer import AnswerReward


def test_trl_finds_its_name():
    assert AnswerReward.create("exact").__name__ == "answer_reward"


def test_completions_are_texts_or_messages_and_answers_one_value_or_more():
    reward = AnswerReward.create("exact")
    completions = [
        "Answer: 7",
        [{"role": "assistant", "content": " B"}],
        [
            {"role": "assistant", "content": "B"},
            {"role": "tool", "content": "?"},
            {"role": "assistant", "content": "C"},
        ],
        [{"role": "assistant", "content": None}],
    ]
    assert reward(completions=completions, answer=["7", ["A", "B"], ["B"], ["B"]], prompts=[""] * 4) == [1, 1, 0, 0]
    assert reward.counts.verified == 4


def test_exact_starts_no_process():
    before = set(multiprocessing.active_children())
    with AnswerReward.create("exact") as reward:
        reward(["7"], ["7"])
        assert set(multiprocessing.active_children()) == before


def test_a_missing_answer_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        AnswerReward.create("exact")(["7", "8"], ["7"])


def test_a_bad_name_is_refused_at_once():
    with pytest.raises(VerifierError, match="unknown verifier 'exactly'; known: exact, math"):
        AnswerReward.create("exactly")


def test_a_user_function_gets_the_columns_it_names_row_by_row(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def named(answer, accepted, unit):\n    return answer + unit in accepted\n"
        "def told(answer, accepted, prompt):\n    return prompt == answer\n"
        "def everything(answer, accepted, **columns):\n    return sorted(columns) == ['prompt', 'prompts', 'unit']\n"
    )
    columns = {"prompts": ["p", "q"], "unit": ["m", "s"], "trainer_state": object(), "log_metric": print}
    with AnswerReward.create(f"{file}:named", workers=1) as reward:
        assert reward(completions=["3", "3"], answer=[["3m"], ["3m"]], **columns) == [1.0, 0.0]
    with AnswerReward.create(f"{file}:told", workers=1) as reward:
        assert reward(completions=["p", "p"], answer=["3", "3"], **columns) == [1.0, 0.0]
    with AnswerReward.create(f"{file}:everything", workers=1) as reward:
        assert reward(completions=["3", "3"], answer=["3", "3"], **columns) == [1.0, 1.0]
        assert reward.counts.verified == 2


def test_math_rewards_an_equal_value():
    pytest.importorskip("math_verify")
    with AnswerReward.create("math", workers=1) as reward:
        assert reward([r"\boxed{0.5}", r"\boxed{0.6}"], [r"\frac12", r"\frac12"]) == [1.0, 0.0]


def wants_difficulty(answer, accepted, difficulty):
    return 1.0


def test_a_verifier_that_wants_a_missing_column_is_an_error_before_any_reward():
    name = f"{__file__}:wants_difficulty"
    with AnswerReward.create(name) as reward, pytest.raises(VerifierError, match="difficulty"):
        reward.check(["prompt", "answer", "budget"])


FAILING = """
def always(answer, accepted):
    raise RuntimeError("no such unit")

def three(answer, accepted):
    return 3

def picky(answer, accepted):
    return float(int(answer) == 7)
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    path = tmp_path_factory.mktemp("failing") / "bad.py"
    path.write_text(FAILING)
    return path


@pytest.mark.parametrize(("function", "why"), [("always", "RuntimeError: no such unit"), ("three", "returned 3")])
def test_a_verifier_that_fails_on_all_of_the_first_batch_is_an_error(failing, function, why):
    message = rf"bad.py:{function}' failed on every one of 2 answers.*{why}"
    with AnswerReward.create(f"{failing}:{function}", workers=1) as reward, pytest.raises(VerifierError, match=message):
        reward(["7", "8"], ["7", "8"])


def test_a_verifier_that_fails_later_or_on_some_answers_earns_nothing_for_them(failing):
    with AnswerReward.create(f"{failing}:picky", workers=1) as reward:
        assert reward(["7", "x"], ["7", "7"]) == [1.0, 0.0]
        assert reward(["y", "z"], ["7", "7"]) == [0.0, 0.0]
        assert (reward.counts.verified, reward.counts.failed) == (1, 3)


def test_the_first_batch_is_the_first_that_is_verified(failing):
    from anytime_training.rewards.strict import StrictRule

    with AnswerReward.create(f"{failing}:always", workers=1, rule=StrictRule("Answer:")) as reward:
        assert reward(["no cue"], ["7"]) == [0.0]
        with pytest.raises(VerifierError, match="no such unit"):
            reward(["Answer: 7"], ["7"])
