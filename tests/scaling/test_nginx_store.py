"""Two servers that share their sessions by Redis behind nginx, as the compose profile `replicas` has them."""

import shutil
import subprocess
import time
from contextlib import ExitStack

import httpx
import pytest

from anytime_client import Anytime
from nginx import NGINX, balanced, free_port, listens
from processes import forked, wait_until_ready

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="no nginx on this machine"),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server on this machine"),
]

QUESTION = "smallest of 45+8, 7*6"
LONG = {"budget": 300, "min_budget": 300, "temperature": 0}


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """Run Redis in a folder of its own, and give its URL."""
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--logfile", "log"]
    with subprocess.Popen(command) as process:
        while process.poll() is None and not listens(port):
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
        process.kill()


@pytest.fixture(scope="module")
def replicas(redis, forks):
    """Two servers: the process of each, and a client for it."""
    with ExitStack() as running:
        started = [running.enter_context(forked(forks, "--store", redis)) for _ in range(2)]
        for process, client in started:
            wait_until_ready(process, client)
        yield started


@pytest.fixture
def client(replicas, tmp_path):
    """A client of the SDK for the nginx in front of them."""
    with (
        balanced([f"127.0.0.1:{client.base_url.port}" for _, client in replicas], tmp_path) as url,
        Anytime(base_url=url, max_retries=12) as client,
    ):
        yield client


def test_any_server_shows_the_rest_of_a_stream(client, replicas):
    document = client.reason(QUESTION, budget=60)
    rests = [direct.get(f"/reason/{document.id}/events", headers={"Last-Event-ID": "2"}).text for _, direct in replicas]
    assert rests[0] == rests[1]
    assert "id: 3\n" in rests[0] and "id: 2\n" not in rests[0]


def test_a_session_goes_on_at_the_other_server_without_a_gap(client, replicas):
    """The last test here: one server is dead after it."""
    undisturbed = client.reason(QUESTION, **LONG)
    numbers = []
    with client.stream(QUESTION, **LONG) as stream:
        for event in stream:
            numbers.append(event.sequence_number)
            if len(numbers) == 5:
                owner(replicas).kill()
    assert stream.document.status == "completed"
    assert stream.document.thinking == undisturbed.thinking
    assert stream.document.answer.text == undisturbed.answer.text
    # What is computed anew in other batches differs in the last digits.
    assert stream.document.answer.confidence == pytest.approx(undisturbed.answer.confidence, abs=1e-3)
    assert numbers == list(range(1, len(numbers) + 1))


def owner(replicas):
    """Return the process that runs a session now."""
    return next(process for process, direct in replicas if in_flight(direct))


def in_flight(direct: httpx.Client) -> bool:
    return "anytime_sessions_in_flight 1.0" in direct.get("/metrics").text
