"""Two replicas on Ray Serve behind its HAProxy; one is killed under eight streams."""

import json
import os
import shutil
import subprocess

import pytest

from ray_cluster import STREAMS, isolated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
        reason="Ray is run in a network namespace only, which takes root, unshare and ip",
    ),
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    command = isolated(tmp_path_factory.mktemp("ray"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANYTIME_", "RAY_"))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=280, check=True)
    return json.loads(done.stdout)


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
