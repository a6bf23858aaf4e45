"""The family `countdown`: its trials, its judge, and what users type."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anytime_training.problems import tasks
from anytime_training.problems.tasks.countdown import COUNTDOWN, CountdownProblem, judge
from anytime_training.problems.tasks.trials import read_trial, same_trial, trials

NUMBERS = st.tuples(*[st.integers(1, 20)] * 3)
PROBLEM = CountdownProblem("make 45 from 3, 7, 8", (3, 7, 8), 45)


@given(NUMBERS)
def test_a_trial_says_what_it_is_worth_and_uses_each_number_once(numbers):
    for trial in trials(numbers):
        assert read_trial(trial.text) == (trial.value, sorted(numbers))
        assert read_trial(trial.step)[0] == trial.value


@given(NUMBERS)
def test_no_two_trials_of_different_numbers_are_the_same_expression(numbers):
    texts = [trial.text for trial in trials(numbers)]
    assert len(texts) == len(set(texts)) or len(set(numbers)) < 3


@given(st.integers())
def test_thinking_stops_at_the_first_hit(seed):
    rng = Random(seed)
    problem = tasks.sample(rng, "countdown", (3, 3))
    pieces = list(problem.think(rng))
    assert [piece.text for piece in pieces].count(" done\n") == 1
    assert pieces[-1].text == " done\n"
    assert problem.accepts(next(piece.finding.value for piece in pieces if piece.finding))


@pytest.mark.parametrize("answer", ["(7+8)*3", " 3*(8+7)\n", "3 × (7 + 8)", "(7+8)x3", "\n45 it is.\nAnswer: 3*(7+8)"])  # noqa: RUF001
def test_every_way_to_write_a_right_expression_is_accepted(answer):
    assert tasks.verify(PROBLEM, answer)
    assert judge(answer, PROBLEM.answers)


@pytest.mark.parametrize(
    "answer", ["45", "7*8-3", "5*9", "3*15", "(7+8)*3=45", "3*(7+8)+0", "3*7+3*8", "none", "", "(7+8)*3 or so"]
)
def test_other_numbers_or_values_are_not_accepted(answer):
    assert not tasks.verify(PROBLEM, answer)
    assert not judge(answer, PROBLEM.answers)


@pytest.mark.parametrize(
    "text", ["3**8", "3*8=24", "", "f(3)", "3(4)", "1_0*2", "07*2", "3//2", "-3*8", "3/0", "3 8", "[3]", "(" * 100]
)
def test_what_is_no_expression_is_not_read(text):
    assert read_trial(text) is None
    assert not same_trial(text, text)


@given(st.text(alphabet="0123456789+-*/() ", max_size=70))
@example("(" * 59 + "1")
@example("9" * 60)
def test_whatever_looks_like_an_expression_is_read_or_not_without_an_error(text):
    read_trial(text)


def test_division_is_exact():
    assert read_trial("8/(3-8/3)") == (Fraction(24), [3, 3, 8, 8])


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("make 24 from 3, 7, 8", None),
        ("make 45 from 3, 7, 8", 45),
        ("Get 45 with 3 7 8 please", 45),
        ("how can you make 45 using 3, 7 and 8?", 45),
        ("make 45 from 3, 7", None),
        ("make 45 from 3, 7, 8, 9", None),
        ("make 45 from 3, 7, 80", None),
        ("largest of 3, 7, 8", None),
    ],
)
def test_lines_that_users_type(line, target):
    problem = COUNTDOWN.parse(line)
    assert (problem.target if problem else None) == target


@given(st.integers())
def test_a_sampled_prompt_reads_back_as_the_same_problem(seed):
    problem = COUNTDOWN.sample(Random(seed), (3, 3))
    assert COUNTDOWN.parse(problem.prompt) == problem


def test_anytime_tiny_takes_it_for_something_outside():
    assert tasks.parse("make 45 from 3, 7, 8").family == "outside"
