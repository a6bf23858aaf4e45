"""Loops are found in time, and nothing else is called one."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anytime_server.controller import LoopDetector
from anytime_server.controller.loops import LONGEST_PERIOD, SLACK
from searches import examples


def found_after(tokens):
    """How many tokens it takes until a loop is found, and its period; None if there is none."""
    detector = LoopDetector()
    for count, token in enumerate(tokens, start=1):
        if (period := detector.observe(token)) is not None:
            return count, period
    return None


def loops_by_the_law(tokens):
    """The law to the letter: the first length at which a text ends in a loop, and its period."""
    for size in range(1, len(tokens) + 1):
        for period in range(1, LONGEST_PERIOD + 1):
            repeated = 2 * period + SLACK
            if repeated + period <= size and all(
                tokens[at] == tokens[at - period] for at in range(size - repeated, size)
            ):
                return size, period
    return None


@pytest.mark.parametrize("period", [*range(1, 20), 31, 64, 100, 255, 256])
def test_a_cycle_is_found_after_three_periods_and_the_slack(period):
    head, cycle = list(range(1000, 1200)), list(range(period))
    assert found_after(head + cycle * 30) == (len(head) + 3 * period + SLACK, period)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.lists(st.integers(0, 2), max_size=40))
def test_any_cycle_is_found_in_time_whatever_came_before_it(cycle, before):
    count, _ = found_after(before + cycle * (3 + SLACK))
    assert count <= len(before) + 3 * len(cycle) + SLACK


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.sampled_from([0, 0, 0, 1]), max_size=60), st.integers(1, 12), st.integers(0, 60))
def test_it_is_the_law_that_is_looked_for(noise, period, repeated):
    tokens = noise + (noise[-period:] * 60)[:repeated] + noise
    assert found_after(tokens) == loops_by_the_law(tokens)


def test_a_loop_is_found_however_long_the_text_before_it_is():
    head = [(at * at) % 997 for at in range(5000)]
    assert found_after(head + [7, 8, 9] * 20) == (len(head) + 9 + SLACK, 3)


def test_cycles_that_are_too_long_are_let_be():
    assert found_after(list(range(LONGEST_PERIOD + 1)) * 5) is None


@given(st.integers(2, 40), st.integers(0, 15))
def test_three_periods_alone_are_no_loop(period, more):
    cycle = list(range(period))
    assert found_after((cycle * 4)[: 3 * period + more]) is None


def test_a_rule_of_eighteen_equal_tokens_is_no_loop():
    assert found_after([5] * 18) is None
    assert found_after([5] * 19) == (19, 1)


@given(st.integers(1, 300), st.integers(0, 9))
def test_counting_is_no_loop(until, start):
    assume(until > start)
    assert found_after([token for number in range(start, until) for token in b"%d, " % number]) is None
