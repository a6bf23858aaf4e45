"""What perfect thinkers know after so many tokens, by hand; a character is a token here."""

import pytest

from anytime_training.problems.tasks.countdown import CountdownProblem
from anytime_training.problems.tasks.expressions import Expression
from anytime_training.problems.tasks.largest import LARGEST
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.ceilings import ceilings, realised

BUDGETS = (0, 5, 10, 11, 25, 30, 100)
BEST = Expression(50)
OTHER = Expression(4, "+", 3)
PROBLEM = SelectionProblem("largest of 4+3, 50", (OTHER, BEST), LARGEST.rule)


def curves(guess, problem=PROBLEM, n=1):
    return ceilings({"largest": [problem] * n}, {"largest": [guess] * n}, BUDGETS, len)


def test_the_oracle_knows_the_best_with_its_first_value():
    """The line is `50 best 50`, its value two tokens; before it the wrong guess is the answer."""
    assert list(curves(0)["oracle order"].values()) == [0, 1, 1, 1, 1, 1, 1]


def test_a_right_guess_is_worked_out_first():
    """The guess holds until its value is known."""
    assert list(curves(1)["guess first"].values()) == [1, 1, 1, 1, 1, 1, 1]


def test_a_wrong_guess_is_worked_out_before_the_best():
    """`4+3=7 best 7\\n` is 13 tokens; the value of the best is known 2 later."""
    assert list(curves(0)["guess first"].values()) == [0, 0, 0, 0, 1, 1, 1]
    assert ceilings({"largest": [PROBLEM]}, {"largest": [0]}, (14, 15), len)["guess first"] == {14: 0, 15: 1}


def test_random_order_is_between():
    """Half of the orders begin with the best; the others know it after `4+3=7 best 7\\n`, 13 tokens, and 2 more."""
    found = curves(0, n=200)["random order"]
    assert found[0] == 0
    assert found[5] == pytest.approx(0.5, abs=0.05)
    assert found[25] == 1


def test_far_better_candidates_come_first_in_the_promising_order():
    assert curves(0, n=50)["promising order"][5] > 0.99


def test_candidates_of_the_same_value_are_all_the_best():
    problem = SelectionProblem("largest of 7, 4+3", (Expression(7), OTHER), LARGEST.rule)
    assert curves(0, problem)["random order"][5] == 1


def test_a_realised_share_needs_a_way_to_go():
    assert realised(0.6, 0.5, 0.7) == pytest.approx(0.5)
    assert realised(0.6, 0.5, 0.505) is None


def test_countdown_is_known_with_its_hit():
    """`(7+8)*3=45` takes 10 tokens; misses before it give no answer."""
    problem = CountdownProblem("make 45 from 3, 7, 8", (3, 7, 8), 45)

    def known(guess, thinker):
        found = ceilings({"countdown": [problem] * 40}, {"countdown": [guess] * 40}, (0, 9, 10, 15, 16, 400), len)
        return list(found[thinker].values())

    assert known(0, "oracle order") == [0, 0, 1, 1, 1, 1]
    assert known(1, "random order") == [1] * 6
    assert known(0, "guess first")[:3] == [0] * 3
    assert known(0, "random order")[2] < 0.2
    assert known(0, "random order")[-1] == 1
