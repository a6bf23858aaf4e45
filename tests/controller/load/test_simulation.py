"""What budgets that follow the load are worth: the policy that serves, on a simulated engine."""

from functools import cache
from itertools import pairwise

import pytest

from anytime_server.controller.load import LoadPolicy
from controller.load.simulation import arrivals, curve, simulate

SECONDS = 160
RARELY = {"tick_s": 10.0, "seconds": 6 * SECONDS, "knows_pace": False}
"""Looks so far apart that questions are answered within one or two, as with a small model or short budgets."""
LOADS = (0.5, 1.0, 2.0, 3.0)
STATIC = (150, 200, 250, 300, 400, 600, 1000)
"""Largest budgets that an operator might set once and for all; the last is none."""


@cache
def served(load, *, static=None, by_curve=False, adapts=True, tick_s=0.5, seconds=SECONDS, knows_pace=True):
    policy = LoadPolicy(tick_s=tick_s) if adapts and static is None else None
    asked = arrivals(lambda at: load, seconds, seed=1)
    worth = curve() if by_curve else None
    return simulate(asked, seconds, policy=policy, static=static, curve=worth, knows_pace=knows_pace)


def plain(load):
    return served(load, adapts=False)


@pytest.mark.parametrize("by_curve", [False, True])
def test_at_twice_the_capacity_half_as_many_right_answers_again_come_in_time(by_curve):
    adaptive = served(2.0, by_curve=by_curve)
    assert adaptive.rate >= 1.5 * plain(2.0).rate
    assert adaptive.late == 0
    assert adaptive.refused == 0


def test_no_single_budget_serves_all_loads_as_well():
    rates = {static: sum(served(load, static=static).rate for load in LOADS) for static in STATIC}
    single = max(rates, key=rates.__getitem__)
    assert served(2.0).rate >= 1.15 * served(2.0, static=single).rate
    assert sum(served(load).rate for load in LOADS) >= 1.05 * rates[single]


@pytest.mark.parametrize("load", LOADS)
def test_it_comes_close_to_the_best_budget_that_hindsight_finds_for_each_load(load):
    assert served(load).rate >= 0.95 * max(served(load, static=static).rate for static in STATIC)


@pytest.mark.parametrize("load", [2.0, 3.0])
def test_it_does_so_too_where_sessions_are_over_within_a_look_or_two(load):
    best = max(served(load, static=static, **RARELY).rate for static in STATIC)
    assert served(load, **RARELY).rate >= 0.95 * best


@pytest.mark.parametrize("load", [2.0, 3.0])
def test_looking_as_often_as_sessions_are_short_serves_more(load):
    often = served(load, **RARELY | {"knows_pace": True})
    assert often.rate >= 1.02 * served(load, **RARELY).rate


def test_nobody_is_refused_while_the_floors_fit_and_some_are_when_they_do_not():
    assert served(1.0).refused == served(2.0).refused == 0
    too_much = served(3.9)
    assert too_much.refused > 0
    assert too_much.late == 0


def test_budgets_are_whole_again_ten_seconds_after_the_load_has_gone():
    ends = 40.0
    outcome = simulate(arrivals(lambda at: 2.5 * (at < ends), SECONDS, seed=2), SECONDS, policy=LoadPolicy())
    pressed_last = max(at for at, _ in (outcome.scales[0], *falls(outcome.scales)))
    assert min(value for _, value in outcome.scales) < 0.5
    whole = min(at for at, value in outcome.scales if at > pressed_last and value == 1)
    assert whole - pressed_last <= 10


def falls(scales):
    return [now for before, now in pairwise(scales) if now[1] < before[1]]
