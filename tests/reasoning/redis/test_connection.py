"""What is no store, or can't be one now, is refused by a message that says what to do, without secrets."""

import pytest

from anytime_server.errors import InvalidRequest, Unavailable
from anytime_server.reasoning.stores import MemoryStore
from anytime_server.reasoning.stores.choice import create_store
from anytime_server.reasoning.stores.redis import RedisSettings, RedisStore, connection
from redis_replicas import FakeHost
from redis_server import RedisServer, free_port

SECRET = "s3cret"


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory):
    server = RedisServer(
        tmp_path_factory.mktemp("locked"), "--requirepass", SECRET, "--appendonly", "no", port=free_port()
    )
    server.start()
    yield server
    server.kill()


async def start(url):
    store = RedisStore.from_url(url, RedisSettings(timeout_s=0.3))
    try:
        await store.start(FakeHost(store), "f")
        assert store.available
    finally:
        await store.stop()


def test_memory_is_a_store_and_so_is_a_redis():
    assert isinstance(create_store("memory", 1, 1), MemoryStore)
    store = create_store("redis://user:s3cret@example.com:7000/2?socket_keepalive=1", 17, 3)
    assert isinstance(store, RedisStore)
    assert (store.settings.ttl_s, store.settings.lease_s) == (17, 3)
    assert SECRET not in repr(store)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "disk",
        "localhost:6379",
        "http://a:s3cret@localhost",
        "redis://a:s3cret@localhost:port",
        "redis://a:s3cret@localhost:99999999",
    ],
)
def test_other_names_of_stores_are_refused(url):
    with pytest.raises(InvalidRequest) as raised:
        create_store(url, 1, 1)
    assert raised.value.param == "store"
    assert "redis://" in raised.value.message or "port" in raised.value.message.lower()
    assert SECRET not in raised.value.message


async def test_nobody_there_is_said(tmp_path):
    with pytest.raises(Unavailable, match="no redis answers at"):
        await start(f"redis://a:{SECRET}@127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="no redis answers at"):
        await start(f"unix://{tmp_path}/nothing.sock")


async def test_a_wrong_password_is_said_and_none_too(locked_server):
    address = locked_server.url.removeprefix("redis://")
    for url in (f"redis://:wrong-{SECRET}@{address}", locked_server.url):
        with pytest.raises(Unavailable, match=r"refuses|does not serve") as raised:
            await start(url)
        assert SECRET not in str(raised.value)
        assert address in str(raised.value)


async def test_a_redis_that_forgets_is_warned_of(locked_server, caplog):
    await start(f"redis://:{SECRET}@{locked_server.url.removeprefix('redis://')}")
    assert "append-only" in caplog.text
    assert SECRET not in caplog.text


async def test_a_read_only_replica_is_refused(tmp_path, server):
    replica = RedisServer(tmp_path, "--replicaof", "127.0.0.1", "1")
    replica.start()
    try:
        with pytest.raises(Unavailable, match="primary"):
            await start(replica.url)
    finally:
        replica.kill()


async def test_a_cluster_is_refused(tmp_path):
    cluster = RedisServer(tmp_path, "--cluster-enabled", "yes", port=free_port())
    cluster.start()
    try:
        with pytest.raises(Unavailable, match="cluster"):
            await start(cluster.url)
    finally:
        cluster.kill()


async def test_an_old_version_is_refused(server, monkeypatch):
    monkeypatch.setattr(connection, "OLDEST", (99, 1))
    with pytest.raises(Unavailable, match=r"needs 99\.1"):
        await start(server.url)


async def test_a_store_that_has_stopped_says_that_the_server_goes_down(server):
    store = RedisStore.from_url(server.url)
    await store.start(FakeHost(store), "f")
    await store.stop()
    with pytest.raises(Unavailable, match="going down"):
        await store.find("rsn_a")
    with pytest.raises(Unavailable, match="going down"):
        await store.reserve("k", b"d", "rsn_a")
    assert await store.is_read_elsewhere("rsn_a")


async def test_a_start_that_fails_leaves_no_connection(server, monkeypatch):
    monkeypatch.setattr(connection, "OLDEST", (99, 1))
    store = RedisStore.from_url(server.url)
    with pytest.raises(Unavailable):
        await store.start(FakeHost(store), "f")
    await store.stop()
    assert not store.available
