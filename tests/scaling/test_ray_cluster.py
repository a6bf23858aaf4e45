"""Two replicas on Ray Serve behind its HAProxy; one is killed, under plain streams and under streams that resume.

Without redis-server they share nothing, and only the first is shown.
"""

import json
import os
import shutil
import subprocess

import pytest

from ray_cluster import STREAMS, can_isolate, isolated

REDIS = shutil.which("redis-server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not can_isolate(), reason="Ray is run in a network namespace only, which takes root, unshare and ip"
    ),
]


def run(folder, *arguments):
    command = isolated(folder, *arguments)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANYTIME_", "RAY_"))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=280, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return run(tmp_path_factory.mktemp("ray"), *(["shared"] if REDIS else []))


def test_sessions_are_served_by_both_replicas(outcome):
    assert outcome["first"] == "completed"
    assert 0 < len(outcome["broken_after_s"]) < STREAMS


def test_the_streams_of_a_killed_replica_break_at_once(outcome):
    assert max(outcome["broken_after_s"]) < min(outcome["whole_after_s"])


def test_the_streams_of_the_other_go_on_to_their_end(outcome):
    assert outcome["ended"].count("reason.completed") == len(outcome["whole_after_s"])
    assert outcome["ended"].count(None) == len(outcome["broken_after_s"])


def test_new_requests_are_served_meanwhile(outcome):
    assert set(outcome["new"]) == {200}


def test_the_killed_replica_is_replaced(outcome):
    assert outcome["replaced"] == 1


@pytest.mark.skipif(not REDIS, reason="no redis-server on this machine")
def test_with_a_store_the_sessions_of_a_killed_replica_go_on_at_the_other(outcome):
    shared = outcome["shared"]
    assert shared["statuses"] == ["completed"] * STREAMS
    assert 0 < shared["resumed"] < STREAMS
    assert all(shared["gapless"])
    assert all(shared["equal"])
