"""A Redis for this folder, and replicas over it."""

import contextlib
import secrets

import pytest

from anytime_server.reasoning.stores.redis import RedisStore
from redis_replicas import STEADY, FakeHost
from redis_server import RedisServer, needs_redis


def pytest_collection_modifyitems(items):
    for item in items:
        if "reasoning/redis" in str(item.path):
            item.add_marker(needs_redis)


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_server(tmp_path):
    """One that the test may kill."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings():
    """Those of replicas, unless a test says otherwise."""
    return STEADY


@pytest.fixture
async def replicas(settings):
    """Start replicas over a server; each is a store with a host. All share one fingerprint of the test's own."""
    async with contextlib.AsyncExitStack() as stack:
        fingerprint = secrets.token_hex(4)

        async def start(server, settings=settings, fingerprint=fingerprint):
            store = RedisStore.from_url(server.url, settings)
            host = FakeHost(store)
            await store.start(host, fingerprint)
            stack.push_async_callback(store.stop)
            return store, host

        yield start
