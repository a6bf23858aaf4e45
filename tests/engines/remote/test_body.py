"""Seeds on the way to servers of both kinds."""

import json

from anytime_server.controller.seeds import mix
from anytime_server.engines import EngineRequest, Sampling
from anytime_server.engines.remote.body import body_of


def seed_of(length, sample=0, seed=7, **options):
    request = EngineRequest("r", tuple(range(length)), 5, Sampling(seed=seed))
    return json.loads(body_of(request, sample, (1,), **options))["sampling_params"].get("seed")


def test_a_server_that_draws_by_position_gets_the_same_seed_in_each_request():
    assert [seed_of(3), seed_of(9), seed_of(9, sample=2)] == [7, 7, 9]
    assert seed_of(3, seed=None) is None


def test_another_server_gets_a_seed_of_its_own_for_each_place():
    seeds = [seed_of(3, draws_by_position=False), seed_of(9, draws_by_position=False)]
    assert seeds == [mix(7, 3), mix(7, 9)]
