import pytest

from anytime_server.controller.load import Pace, Promise
from anytime_server.controller.load.pace import CAUTION, END_S, LATELY_S, WINDOW, Timing


def measured(*points):
    timing = Timing()
    for sessions, seconds in points:
        timing.note(sessions, seconds)
    return timing


def test_what_was_never_measured_is_not_known():
    assert Timing().at(3) is None
    assert Pace().to_answer_s(Promise(1.0, 10), 1) is None
    assert Pace().keeps([Promise(0.0, 10)], 1)


def test_measurements_at_one_load_are_taken_to_grow_with_it():
    assert measured((4, 0.2)).at(4) == pytest.approx(0.2)
    assert measured((4, 0.2)).at(8) == pytest.approx(0.4)


def test_measurements_at_several_loads_tell_how_it_grows():
    timing = measured((1, 0.11), (11, 0.21), (21, 0.31))
    assert timing.at(41) == pytest.approx(0.51)


def test_slow_ones_count_and_not_the_mean():
    assert measured(*[(1, 0.1)] * 8, (1, 0.3), (1, 0.3)).at(1) == pytest.approx(0.3)


def test_a_time_that_falls_with_the_load_is_taken_as_even():
    assert measured((1, 0.3), (9, 0.1)).at(99) >= 0.2


def test_only_the_latest_measurements_count():
    timing = measured((1, 9.0))
    for _ in range(WINDOW):
        timing.note(1, 0.1)
    assert timing.at(1) == pytest.approx(0.1)


def test_a_measurement_ends_those_that_are_much_older():
    timing = measured((1, 9.0))
    timing.note(1, 0.1, at=LATELY_S)
    assert timing.at(1) == pytest.approx(9.0)
    timing.note(1, 0.1, at=LATELY_S + 1)
    assert timing.at(1) == pytest.approx(0.1)


def pace():
    pace = Pace()
    pace.first_token.note(1, 0.5)
    pace.token.note(1, 0.01)
    pace.branch.note(1, 0.2)
    pace.short.note(1, 0.3)
    return pace


def test_an_answer_takes_the_first_token_the_thinking_before_it_and_itself():
    assert pace().to_answer_s(Promise(9.0, 100), 1) == pytest.approx(CAUTION * 1.7 + END_S)
    assert pace().to_answer_s(Promise(9.0, 100, begun=True), 1) == pytest.approx(CAUTION * 1.2 + END_S)
    assert pace().to_answer_s(Promise(9.0, 0), 1) == pytest.approx(CAUTION * 0.8 + END_S)


def test_every_promise_must_be_kept():
    kept, broken = Promise(3.0, 100), Promise(1.0, 100)
    assert pace().keeps([kept], 1)
    assert not pace().keeps([kept, broken], 1)
    assert not pace().keeps([kept], 2)
