"""Redis stops, dies and comes back: sessions go on, and nothing is missing afterwards."""

import asyncio
import dataclasses

import pytest

from anytime_server.errors import Unavailable
from redis_replicas import QUICK, end, read, think, until


@pytest.fixture
def settings():
    return QUICK


async def test_readers_go_on_from_memory_and_redis_gets_the_backlog(own_server, replicas):
    store, host = await replicas(own_server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    own_server.pause()
    think(log, "one")
    await until(lambda: log.released == 2)
    assert not store.available
    assert store.backlog == 1
    think(log, "two")
    assert log.released == 3
    own_server.resume()
    await until(lambda: store.available)
    end(log)
    entries = await read(log)
    _, other = await replicas(own_server)
    assert await read(await other.store.find("rsn_a")) == entries
    assert store.counts.outages == 1


async def test_what_redis_acknowledged_is_there_after_it_was_killed(own_server, replicas):
    store, host = await replicas(own_server)
    log = host.begin("rsn_a")
    for number in range(200):
        think(log, str(number))
    await until(lambda: log.released == 201)
    reader = asyncio.create_task(read(await (await replicas(own_server))[0].find("rsn_a")))
    own_server.kill()
    for number in range(200):
        think(log, str(number))
    own_server.start()
    end(log)
    entries = await read(log)
    async with asyncio.timeout(20):
        assert await reader == entries
    await until(lambda: store.available)


async def test_sessions_begun_while_redis_is_down_are_there_when_it_is_back(own_server, replicas):
    store, host = await replicas(own_server)
    own_server.kill()
    log = host.begin("rsn_a")
    end(log)
    entries = await read(log)
    with pytest.raises(Unavailable, match="session store"):
        await store.reserve("k", b"d", "rsn_b")
    with pytest.raises(Unavailable):
        await store.find("rsn_b")
    own_server.start()
    await until(lambda: store.available)
    _, other = await replicas(own_server)
    assert await read(await other.store.find("rsn_a")) == entries


async def test_nobody_takes_over_because_redis_was_down(own_server, replicas):
    first, host = await replicas(own_server)
    _, other = await replicas(own_server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    await asyncio.sleep(QUICK.lease_s)  # both are steady
    own_server.pause()
    await asyncio.sleep(2 * QUICK.lease_s)  # all leases expire
    own_server.resume()
    await until(lambda: first.available)
    await asyncio.sleep(2 * QUICK.lease_s)
    think(log, "one")
    await until(lambda: log.released == 2)
    assert other.adopted == {}
    assert host.lost == []


async def test_a_full_redis_is_an_outage_too(own_server, replicas):
    store, host = await replicas(own_server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    client = store.service.client
    await client.config_set("maxmemory", 1)
    think(log, "one")
    await until(lambda: log.released == 2 and not store.available)
    await client.config_set("maxmemory", 0)
    await until(lambda: store.available and store.backlog == 0)


async def test_a_session_that_redis_has_forgotten_is_written_anew(own_server, replicas):
    store, host = await replicas(own_server)
    log = host.begin("rsn_a", key="k")
    think(log, "one")
    await until(lambda: log.released == 2)
    await store.service.client.flushall()
    store.service.journal.recheck()
    other, _ = await replicas(own_server)
    async with asyncio.timeout(20):
        while await other.find("rsn_a") is None:
            await asyncio.sleep(0.01)
    end(log)
    entries = await read(log)
    handle = await other.find("rsn_a")
    assert await read(handle) == entries
    stored = await other.claim("rsn_a")
    assert (stored.head, stored.key) == ("head of rsn_a", "k")


async def test_a_process_that_stood_still_gives_its_readers_nothing_that_others_may_have_made_anew(server, replicas):
    store, host = await replicas(server, dataclasses.replace(QUICK, patience_s=0.2))
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    journal = store.service.journal
    journal._await_patiently()
    journal._patience.cancel()
    journal._lose_patience(due=asyncio.get_running_loop().time() - 5)
    assert store.available
    journal._forgive()
