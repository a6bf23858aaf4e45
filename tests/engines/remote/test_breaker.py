"""The breaker's states, with time and chance in the test's hands."""

import pytest

from anytime_server.engines.remote.breaker import FIRST_S, LONGEST_S, Breaker, State


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock, chance=lambda: 1.0)


def test_a_failure_opens_it_and_its_time_runs_out(breaker, clock):
    assert breaker.state is State.closed
    breaker.failed()
    assert (breaker.state, breaker.remaining_s) == (State.open, FIRST_S)
    clock.now += FIRST_S / 2
    assert breaker.remaining_s == pytest.approx(FIRST_S / 2)
    clock.now += FIRST_S
    assert (breaker.state, breaker.remaining_s) == (State.open, 0.0)


def test_it_is_not_probed_before_its_time(breaker):
    breaker.failed()
    with pytest.raises(AssertionError):
        breaker.probe()


def test_a_probe_that_succeeds_closes_it(breaker, clock):
    breaker.failed()
    clock.now += FIRST_S
    breaker.probe()
    assert breaker.state is State.half_open
    breaker.recovered()
    assert breaker.state is State.closed


def test_a_probe_that_fails_opens_it_for_twice_as_long(breaker, clock):
    breaker.failed()
    clock.now += FIRST_S
    breaker.probe()
    breaker.failed()
    assert (breaker.state, breaker.remaining_s) == (State.open, 2 * FIRST_S)


def test_a_failure_during_the_probe_counts_more_than_its_success(breaker, clock):
    breaker.failed()
    clock.now += FIRST_S
    breaker.probe()
    breaker.failed()
    breaker.recovered()
    assert breaker.state is State.open


def test_more_failures_at_once_are_one(breaker):
    for _ in range(64):
        breaker.failed()
    assert breaker.remaining_s == FIRST_S


def test_the_time_grows_up_to_a_bound_and_starts_anew_once_a_request_was_served(breaker, clock):
    times = []
    for _ in range(8):
        breaker.failed()
        times.append(breaker.remaining_s)
        clock.now += breaker.remaining_s
        breaker.probe()
        breaker.recovered()
    assert times == [min(LONGEST_S, FIRST_S * 2**power) for power in range(8)]
    breaker.served()
    breaker.failed()
    assert breaker.remaining_s == FIRST_S


def test_what_ends_well_while_it_is_open_proves_nothing(breaker, clock):
    breaker.failed()
    breaker.served()
    clock.now += FIRST_S
    breaker.probe()
    breaker.failed()
    assert breaker.remaining_s == 2 * FIRST_S


def test_the_time_has_jitter(clock):
    times = set()
    for chance in (0.0, 0.5, 1.0):
        breaker = Breaker(clock, chance=lambda chance=chance: chance)
        breaker.failed()
        times.add(breaker.remaining_s / FIRST_S)
    assert times == {0.5, 0.75, 1.0}


def test_a_server_that_asks_for_more_time_gets_it(breaker):
    breaker.failed(at_least_s=30)
    assert breaker.remaining_s == 30
    breaker.failed(at_least_s=60)
    assert breaker.remaining_s == 60
