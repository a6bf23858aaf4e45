"""The rules of supervision: when an engine hangs, how often it is started again, whom it dies of."""

from hypothesis import given
from hypothesis import strategies as st

from anytime_server.engines.supervision.blame import Blame
from anytime_server.engines.supervision.restarts import Restarts
from anytime_server.engines.supervision.stalls import StallWatch


def hung_after(watch, looks):
    """The index of the first look that finds a hang; None if there is none."""
    return next((index for index, look in enumerate(looks) if watch.hangs(*look)), None)


def test_requests_without_a_step_are_a_hang_after_the_stall_time():
    looks = [(float(second), 7, 3) for second in range(20)]
    assert hung_after(StallWatch(stall_s=10, tick_s=1), looks) == 10


def test_an_engine_that_steps_or_has_no_requests_does_not_hang():
    assert hung_after(StallWatch(10, 1), [(float(second), second // 9, 1) for second in range(60)]) is None
    assert hung_after(StallWatch(10, 1), [(float(second), 7, 0) for second in range(60)]) is None
    # It counts from the request on, not from the last step.
    assert hung_after(StallWatch(10, 1), [(float(second), 7, int(second > 30)) for second in range(60)]) == 40


def test_a_process_that_was_stopped_itself_has_seen_no_hang():
    before, after = [(float(second), 7, 1) for second in range(5)], [(1000.0 + second, 8, 1) for second in range(5)]
    assert hung_after(StallWatch(10, 1), before + after) is None
    still = [(1000.0 + second, 7, 1) for second in range(20)]
    assert hung_after(StallWatch(10, 1), before + still) == 5 + 4


@given(st.lists(st.floats(0, 300), max_size=60))
def test_in_no_ten_minutes_is_an_engine_started_again_more_than_five_times(gaps):
    restarts, now, at = Restarts(), 0.0, []
    for gap in gaps:
        now += gap
        wait_s = restarts.wait_s(now)
        recent = [time for time in at if now - time < 600]
        assert (wait_s is None) == (len(recent) >= 5)
        if wait_s is not None:
            assert wait_s == (2 ** (len(recent) - 1) if recent else 0)
            restarts.note(now)
            at.append(now)
    assert all(later - earlier >= 600 for earlier, later in zip(at, at[5:], strict=False))


def run_of(engine_kills, sessions, dies_of):
    """Let sessions run in an engine that dies of those in `dies_of` at the token these give, and of outer kills.

    Each goes on from where it was, behind those that wait already; everybody advances by 5 tokens a turn. Returns who
    was failed, and how often the engine died.
    """
    queue = list(sessions)
    blame, reached, failed, deaths, turn, started = Blame(), dict.fromkeys(sessions, 10), set(), 0, 0, -1000
    inside, done = set(), set()
    while done | failed != set(sessions) and turn < 5000:
        turn += 1
        for name in queue:
            if name in done | failed | inside:
                continue
            if blame.guilty(name):
                failed.add(name)
            elif blame.may_enter(name):
                blame.enter(name, reached[name])
                inside.add(name)
        killed = turn in engine_kills
        for name in sorted(inside):
            reached[name] += 5
            if name in dies_of and reached[name] >= dies_of[name]:
                reached[name] -= 5
                killed = True
            else:
                blame.advance(name, reached[name])
        if killed:
            deaths += 1
            blame.died(turn - started)
            queue.sort(key=inside.__contains__)
            started, inside = turn, set()
            continue
        for name in sorted(inside):
            if reached[name] >= 300:
                blame.leave(name)
                inside.discard(name)
                done.add(name)
    assert turn < 5000, "somebody waits for ever"
    return failed, deaths


NAMES = [f"s{index}" for index in range(8)]


@given(st.sampled_from(NAMES), st.integers(11, 300))
def test_a_session_that_the_engine_dies_of_is_found_at_the_third_death_and_failed_alone(killer, at):
    assert run_of((), NAMES, {killer: at}) == ({killer}, 3)


@given(st.sets(st.integers(1, 400), max_size=2))
def test_kills_from_outside_fail_nobody(turns):
    failed, deaths = run_of(turns, NAMES, {})
    assert not failed
    assert deaths <= len(turns)


def test_deaths_with_progress_between_them_are_held_against_nobody():
    assert run_of({10, 20, 30, 40, 50}, NAMES, {})[0] == set()


@given(st.integers(11, 300), st.integers(11, 300))
def test_two_that_the_engine_dies_of_are_both_found(first, second):
    failed, deaths = run_of((), NAMES, {"s1": first, "s6": second})
    assert failed >= {"s1", "s6"}
    # One that goes in as another, already cleared, kills the engine at a new place looks guilty too.
    assert len(failed) <= 3
    assert deaths <= 6


def test_what_is_held_against_sessions_that_are_gone_is_forgotten():
    blame = Blame()
    for round in range(200):
        blame.enter(f"s{round}", 10)
        blame.died(since_restart_s=60.0)
    assert len(blame._held) == 1
    assert not blame._suspects
