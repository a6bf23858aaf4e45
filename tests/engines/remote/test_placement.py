"""Where requests go."""

import pytest

from anytime_server.engines.remote import placement
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.placement import Placement
from anytime_server.engines.remote.upstream import Upstream


@pytest.fixture
def servers():
    config = RemoteConfig.of(["http://a", "http://b"], {})
    return [Upstream(url, config, on_failure=lambda upstream: None) for url in config.urls]


def test_the_least_loaded_is_asked_and_a_seat_is_left_when_the_request_is_over(servers):
    places = Placement(servers)
    first = places.seat("")
    with first.taken():
        second = places.seat("")
        assert {first.upstream, second.upstream} == set(servers)
        with second.taken(), places.seat("").taken():
            assert sum(sum(server.running) for server in servers) == 3
    assert [server.running for server in servers] == [[0], [0]]


def test_a_session_keeps_its_seat_whatever_the_load(servers):
    places = Placement(servers)
    home = places.seat("s")
    with home.taken(), home.taken():
        assert places.seat("s") == home
        assert places.seat("t").upstream is not home.upstream


def test_a_session_moves_when_its_server_is_lost_and_stays_there(servers):
    places = Placement(servers)
    home = places.seat("s")
    home.upstream.failed()
    moved = places.seat("s")
    assert moved.upstream is not home.upstream
    home.upstream.breaker.recovered()
    assert places.seat("s") == moved


def test_nowhere_is_told_as_such(servers):
    places = Placement(servers)
    assert places.seat("s", without=servers) is None
    for server in servers:
        server.failed()
    assert places.seat("s") is None


def test_under_data_parallelism_branches_go_to_the_rank_of_their_trunk(servers):
    servers[1].failed()
    servers[0].has_ranks(3)
    places = Placement(servers)
    trunk = places.seat("s")
    with trunk.taken():
        ranks = []
        for other in "tuv":
            seat = places.seat(other)
            ranks.append(seat.rank)
            servers[0].running[seat.rank] += 1
        assert sorted(ranks) == [0, 1, 2] and ranks[0] != trunk.rank
        assert places.seat("s").headers == trunk.headers == {"X-data-parallel-rank": str(trunk.rank)}


def test_one_rank_needs_no_pin_and_one_that_is_gone_is_not_asked(servers):
    servers[1].failed()
    places = Placement(servers)
    assert places.seat("s").headers == {}
    servers[0].has_ranks(2)
    servers[0].running[0] = 1
    assert places.seat("t").rank == 1
    servers[0].has_ranks(1)
    assert places.seat("t").rank == 0


def test_sessions_of_old_are_forgotten(servers, monkeypatch):
    monkeypatch.setattr(placement, "REMEMBERED", 2)
    places = Placement(servers)
    for session in "abc":
        places.seat(session)
    assert list(places._seats) == ["b", "c"]
