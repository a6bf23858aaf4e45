import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller.load import LoadPolicy, LoadScale, LoadSignals

IDLE = LoadSignals(running=8, waiting=0)
BUSY = LoadSignals(running=8, waiting=2)


def after(scale, ticks, signals, start=0.0):
    for tick in range(ticks):
        scale.observe(start + tick * scale.policy.tick_s, signals)
    return scale.value


def test_an_idle_engine_grants_everything():
    assert after(LoadScale(LoadPolicy()), 5, IDLE) == 1


def test_pressure_lowers_the_scale_down_to_the_floors_alone():
    scale = LoadScale(LoadPolicy())
    assert after(scale, 1, BUSY) == pytest.approx(0.92)
    assert not scale.exhausted
    assert after(scale, 60, BUSY, start=10) == 0
    assert not scale.exhausted
    assert after(scale, 1, LoadSignals(running=8, waiting=9), start=100) == 0
    assert scale.exhausted


@pytest.mark.parametrize(("waiting", "ticks"), [(1, 1), (2, 1), (3, 1.5), (8, 4), (16, 8)])
def test_the_longer_a_queue_that_stays_the_faster_the_scale_falls(waiting, ticks):
    scale = LoadScale(LoadPolicy())
    queue = LoadSignals(running=8, waiting=waiting)
    assert after(scale, 2, queue) == pytest.approx(0.92 ** (1 + ticks))
    after(scale, 1, IDLE, start=10)
    assert after(scale, 1, queue, start=20) == pytest.approx((0.92 ** (1 + ticks) + 0.01) * 0.92)


@pytest.mark.parametrize(("running", "waiting"), [(0, 12), (1, 15), (1, 5)])
def test_a_burst_on_its_way_into_an_idle_engine_takes_little(running, waiting):
    scale = LoadScale(LoadPolicy())
    assert after(scale, 1, LoadSignals(running, waiting)) == pytest.approx(0.92)
    assert not scale.exhausted


def test_a_few_that_wait_long_beside_a_lone_one_take_little_too():
    assert after(LoadScale(LoadPolicy()), 3, LoadSignals(running=1, waiting=2)) == pytest.approx(0.92**3)


def test_what_was_taken_is_given_back_within_ten_seconds():
    scale = LoadScale(LoadPolicy())
    after(scale, 100, BUSY)
    ticks = int(10 / scale.policy.tick_s)
    assert after(scale, ticks, IDLE, start=1000) == 1
    assert not scale.exhausted


@pytest.mark.parametrize(
    ("signals", "pressed"),
    [
        (LoadSignals(running=0, waiting=0), False),
        (LoadSignals(running=0, waiting=1), True),
        (LoadSignals(running=64, waiting=4), False),  # on their way into the engine
        (LoadSignals(running=64, waiting=5), True),
        (LoadSignals(running=4, waiting=0, kv_in_use=0.96), True),
        (LoadSignals(running=4, waiting=0, rates=(9.0, 1.0, 11.0)), True),
        (LoadSignals(running=4, waiting=0, rates=(11.0, 1.0, 12.0)), False),
        (LoadSignals(running=4, waiting=0, rates=()), False),
    ],
)
def test_what_presses_an_engine(signals, pressed):
    assert LoadPolicy(target_rate=10.0).pressed(signals) is pressed


def test_rates_are_not_looked_at_without_a_target():
    assert not LoadPolicy().pressed(LoadSignals(running=1, waiting=0, rates=(0.1,)))


def test_looking_more_often_does_not_move_the_scale_faster():
    scale = LoadScale(LoadPolicy())
    for look in range(10):
        scale.observe(look * 0.01, BUSY)
    assert scale.value == pytest.approx(0.92)


@pytest.mark.parametrize(
    ("session_s", "look_s"), [(None, 0.5), (600.0, 0.5), (10.0, 0.5), (4.0, 0.2), (1.0, 0.05), (0.1, 0.05)]
)
def test_short_sessions_are_looked_at_more_often(session_s, look_s):
    scale = LoadScale(LoadPolicy())
    busy = LoadSignals(running=8, waiting=2, session_s=session_s)
    scale.observe(0.0, busy)
    assert scale.look_s == pytest.approx(look_s)
    scale.observe(0.4 * look_s, busy)
    assert scale.value == pytest.approx(0.92)
    scale.observe(1.01 * look_s, busy)
    assert scale.value < 0.92


@given(st.lists(st.booleans(), max_size=200))
def test_the_scale_stays_a_share(ticks):
    scale = LoadScale(LoadPolicy())
    for tick, busy in enumerate(ticks):
        assert 0 <= scale.observe(float(tick), BUSY if busy else IDLE) <= 1


@pytest.mark.parametrize("wrong", [{"floor": 1.5}, {"floor": -0.1}, {"target_rate": 0.0}])
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LoadPolicy(**wrong)
