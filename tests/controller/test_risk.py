"""Error rates: which threshold keeps one, what a file says, and what the rule of a request does."""

import json
from dataclasses import replace
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import CalibrationError, InterimVerdict, StoppingRule, StopReason
from anytime_server.controller.risk import (
    Bar,
    CalibratedRule,
    Calibration,
    Conditions,
    Side,
    Signal,
    allowed_errors,
    critical_level,
    lowest_rate,
    score,
    threshold,
)

CONDITIONS = Conditions(
    model="m",
    open="<think>",
    close="</think>",
    closing="...</think>",
    cue="Answer:",
    temperature=0.6,
    top_p=1.0,
    top_k=0,
    min_p=0.0,
    interim_samples=1,
    interim_temperature=0.6,
    interim_max_tokens=16,
    budget=40,
    checkpoints=(10, 20, 30),
)
CALIBRATION = Calibration(
    CONDITIONS, "sums", 200, 0.05, Side(Signal.STABLE, (3.5, 2.5, 1.5)), Side(Signal.UNSURE, (30.0, 20.0, 12.0))
)

steps = st.tuples(st.floats(0, 5), st.booleans())
problems = st.tuples(st.lists(steps, max_size=6), st.booleans())


def stopped(problem, bar):
    """Whether stopping above `bar` makes the problem's answer wrong."""
    course, right_at_the_end = problem
    first = next((right for score, right in course if score > bar), True)
    return right_at_the_end and not first


@given(problems, st.floats(-1, 5))
def test_below_its_critical_level_and_nowhere_else_a_problem_counts_as_wrong(problem, bar):
    course, right_at_the_end = problem
    level = critical_level([s for s, _ in course], [r for _, r in course], right_at_the_end)
    bars = {bar, *(s for s, _ in course if s > bar)}
    ever_wrong = any(stopped(problem, higher) for higher in bars)  # the cumulative maximum over stricter thresholds
    assert ever_wrong == (level is not None and level > bar)


@given(st.integers(1, 80), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_so_many_errors_are_allowed_as_both_bounds_say(n, rate, delta):
    def hold(errors, slack):  # bounds that are met to the last digit may fall on either side
        tail = sum(comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(errors + 1))
        return tail <= delta * slack and errors + 1 <= rate * (n + 1) * slack

    allowed = allowed_errors(n, rate, delta)
    assert allowed is None or hold(allowed, 1 + 1e-9)
    assert not hold(0 if allowed is None else allowed + 1, 1 - 1e-9)


def test_the_lowest_rate_is_the_first_that_a_threshold_is_found_for():
    for n in (10, 40, 1000):
        lowest = lowest_rate(n, 0.05)
        assert threshold([], n, lowest * 0.999, 0.05) is None
        assert threshold([], n, lowest * 1.001, 0.05) is not None


def test_a_rule_stops_only_above_the_first_level_that_is_not_allowed():
    levels = [9.0, 8.0, 7.0, 6.0]
    assert allowed_errors(100, 0.05, 0.2) == 2
    assert threshold(levels, 100, 0.05, 0.2) == 7.0
    assert threshold(levels[:2], 100, 0.05, 0.2) < 0  # all may stop at once


def test_the_rate_holds_among_problems_that_were_not_calibrated_on():
    """Confidence is worth little here, and right answers come and go; the true share made wrong is counted."""
    rng, rate, kept, saved = Random(3), 0.1, 0, 0

    def draw():
        skill = rng.random()
        course = [(rng.random() * 0.5 + skill * at / 8, rng.random() < skill + at / 10) for at in range(5)]
        return course, rng.random() < 0.6 + skill / 3

    many = [draw() for _ in range(4000)]
    for _ in range(60):
        some = [draw() for _ in range(300)]
        levels = [critical_level([s for s, _ in c], [r for _, r in c], right) for c, right in some]
        bar = threshold(sorted((one for one in levels if one is not None), reverse=True), 300, rate, 0.05)
        kept += sum(stopped(one, bar) for one in many) / len(many) <= rate
        saved += any(score > bar for course, _ in many for score, _ in course)
    assert kept >= 54
    assert saved == 60


def test_signals_grow_with_what_they_are_named_for():
    early = [InterimVerdict(0.5, 1, 10)]
    stood = [*early, InterimVerdict(0.7, 2, 20)]
    changed = [*early, InterimVerdict(0.7, 1, 20)]
    assert score(Signal.CONFIDENCE, stood) == 0.7
    assert score(Signal.STABLE, stood) > score(Signal.STABLE, changed) > score(Signal.STABLE, early)
    assert score(Signal.UNSETTLED, changed) > score(Signal.UNSETTLED, stood)
    assert score(Signal.UNSURE, stood) == pytest.approx(20 / 0.6)
    assert score(Signal.UNSURE, [InterimVerdict(0.0, 1, 20)]) < float("inf")


def test_votes_are_surest_with_trunks_that_are_done():
    split, agreed = InterimVerdict(0.5, 1, 10), InterimVerdict(0.9, 1, 10)
    done = InterimVerdict(0.5, 1, 10, done=1)
    assert score(Signal.DONE, [done]) > score(Signal.DONE, [agreed]) > score(Signal.DONE, [split])


def test_only_a_file_for_several_trunks_goes_by_their_votes():
    said = CALIBRATION.as_json() | {"risk": {"signal": "done", "levels": [1.5]}}
    votes = said | {"conditions": said["conditions"] | {"trunks": 8}}
    assert Calibration.from_json(votes).rule(0.05, None).sure.signal is Signal.DONE
    with pytest.raises(CalibrationError, match=r"risk\.signal 'done': must be one of stable, confidence$"):
        Calibration.from_json(said)


def test_a_rule_says_which_side_stopped_and_acts_at_its_own_checkpoints_only():
    rule = StoppingRule(
        calibrated=CalibratedRule(Bar(Signal.CONFIDENCE, 0.9), Bar(Signal.UNSURE, 40.0), checkpoints=(10, 20))
    )
    assert rule([InterimVerdict(0.95, 1, 10)]) is StopReason.RISK
    assert rule([InterimVerdict(0.9, 1, 10)]) is None
    assert rule([InterimVerdict(0.2, 1, 10)]) is StopReason.GIVE_UP
    assert rule([InterimVerdict(0.95, 1, 15)]) is None
    assert rule([]) is None


def test_a_higher_rate_stops_no_later():
    rates = (0.02, 0.05, 0.2)
    bars = [CALIBRATION.rule(rate, None).sure.threshold for rate in rates]
    assert bars == sorted(bars, reverse=True)
    assert CALIBRATION.rule(None, 0.05).sure is None
    assert CALIBRATION.rule(None, 0.05).hopeless.signal is Signal.UNSURE


def test_a_rate_that_the_problems_are_too_few_for_is_refused_with_the_one_that_they_are_enough_for():
    with pytest.raises(CalibrationError, match=r"risk 0\.001: .* 200 problems vouch for rates from 0\.015 on"):
        CALIBRATION.rule(0.001, None)
    assert CALIBRATION.rule(0.015, None).sure is not None


def test_a_file_comes_back_as_it_was_written():
    assert Calibration.from_json(json.loads(json.dumps(CALIBRATION.as_json()))) == CALIBRATION


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 9}, "no calibration of version 1"),
        ({"problems": 0}, "problems must be"),
        ({"delta": 2.0}, "delta must"),
        ({"risk": {"signal": "mood", "levels": []}}, "risk.signal 'mood': must be one of stable, confidence"),
        ({"risk": {"signal": "stable", "levels": [1.0, 2.0]}}, "risk.levels must go down"),
        ({"give_up": {"levels": []}}, "'signal' is missing"),
        ({"conditions": {"model": "m"}}, "'open' is missing"),
        ({"conditions": CALIBRATION.as_json()["conditions"] | {"checkpoints": [20, 10]}}, "conditions.checkpoints"),
        ({"conditions": CALIBRATION.as_json()["conditions"] | {"checkpoints": 5}}, "not laid out"),
        ({"conditions": CALIBRATION.as_json()["conditions"] | {"closing": 3}}, "not laid out"),
        ({"conditions": []}, "not laid out"),
        ({"risk": 1}, "not laid out"),
        ({"risk": {"signal": "stable", "levels": [1.0, "0"]}}, "not laid out"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused_with_the_key_at_fault(change, message):
    with pytest.raises(CalibrationError, match=message):
        Calibration.from_json(CALIBRATION.as_json() | change)


def test_what_differs_is_named_with_both_values():
    other = replace(CONDITIONS, temperature=1.0, checkpoints=(10, 20), interim_max_tokens=8)
    assert CONDITIONS.differences(other) == [
        "temperature 1.0 (the file: 0.6)",
        "checkpoints 10,20 (the file: 10,20,30)",
        "interim.max_tokens 8 (the file: 16)",
    ]
    assert CONDITIONS.differences(replace(CONDITIONS, interim_max_tokens=128, model="n")) == []
    greedy = replace(CONDITIONS, temperature=0.0)
    assert greedy.differences(replace(greedy, top_p=0.9, top_k=20)) == []
