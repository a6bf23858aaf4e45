import pytest

from anytime_server.controller.load import Claim, LoadSignals, moved

THREE = [Claim(100, spent=90), Claim(100, spent=50), Claim(100, spent=10)]
GRANTED = [90, 50, 40]
WHOLE = [100, 100, 100]


@pytest.mark.parametrize(
    ("signals", "moves"),
    [
        (LoadSignals(running=3, waiting=1), [90, None, None]),
        (LoadSignals(running=3, waiting=9), [90, 50, None]),
        (LoadSignals(running=5, waiting=2), [None, None, None]),  # two answer already, and make room
        (LoadSignals(running=5, waiting=3), [90, None, None]),
        (LoadSignals(running=16, waiting=0, kv_in_use=0.99), [90, 50, None]),
    ],
)
def test_as_many_are_cut_as_have_to_make_room(signals, moves):
    assert moved(THREE, WHOLE, GRANTED, signals, pressed=True) == moves


def test_nobody_is_cut_without_pressure():
    assert moved(THREE, WHOLE, GRANTED, LoadSignals(running=3, waiting=1), pressed=False) == [None, None, None]


def test_whose_answer_has_stood_goes_first():
    claims = [Claim(100, spent=60), Claim(100, spent=50, settled=2)]
    assert moved(claims, [100, 100], [60, 50], LoadSignals(running=2, waiting=1), pressed=True) == [None, 50]


def test_a_grant_is_raised_by_enough_or_to_the_whole():
    claims = [Claim(1000), Claim(1000), Claim(1000)]
    granted = moved(claims, [500, 500, 980], [540, 560, 1000], LoadSignals(3, 0), pressed=False)
    assert granted == [None, 560, 1000]
