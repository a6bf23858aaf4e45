"""An idempotency key belongs to the session that came first, at whichever replica."""

import asyncio

from anytime_server.reasoning.stores import Reservation
from redis_replicas import QUICK, die, until


async def test_the_first_to_reserve_has_the_key(server, replicas):
    stores = [(await replicas(server))[0] for _ in range(4)]
    got = await asyncio.gather(
        *(store.reserve("key", bytes([number]), f"rsn_{number}") for number, store in enumerate(stores))
    )
    assert len(set(got)) == 1
    number = int(got[0].session_id.removeprefix("rsn_"))
    assert got[0] == Reservation(f"rsn_{number}", bytes([number]))
    assert await stores[0].reserved("key") == got[0]
    assert await stores[0].reserved("another") is None


async def test_only_the_session_that_has_a_key_lets_go_of_it(server, replicas):
    store, _ = await replicas(server)
    first = await store.reserve("key", b"d", "rsn_1")
    await store.unreserve("key", "rsn_2")
    await store.unreserve("key", "rsn_")
    assert await store.reserved("key") == first
    await store.unreserve("key", "rsn_1")
    assert await store.reserved("key") is None


async def test_a_key_lasts_as_long_as_its_session(server, replicas):
    store, host = await replicas(server)
    await store.reserve("ключ \x7f" * 100, b"d", "rsn_1")
    client, keys = store.service.client, store.service.keys
    name = keys.reservation("ключ \x7f" * 100)
    assert 0 < await client.ttl(name) <= 60
    log = host.begin("rsn_1", key="ключ \x7f" * 100)
    await until(lambda: log.released == 1)
    assert await client.ttl(name) > 80_000


async def test_a_key_whose_replica_died_before_its_session_began_is_free_once_the_lease_is_gone(server, replicas):
    first, _ = await replicas(server, QUICK)
    second, _ = await replicas(server, QUICK)
    await first.reserve("key", b"d", "rsn_1")
    assert (await second.reserve("key", b"e", "rsn_2")).session_id == "rsn_1"
    await die(first)
    async with asyncio.timeout(10):
        while (await second.reserve("key", b"e", "rsn_2")).session_id == "rsn_1":
            await asyncio.sleep(0.05)
    assert await second.reserved("key") == Reservation("rsn_2", b"e")


async def test_a_replica_that_binds_a_key_is_alive_whatever_became_of_its_lease(server, replicas):
    first, _ = await replicas(server)
    second, _ = await replicas(server)
    await first.service.lease.give_up()
    await first.reserve("key", b"d", "rsn_1")
    assert await second.reserve("key", b"e", "rsn_2") == Reservation("rsn_1", b"d")


async def test_a_key_stays_with_a_session_that_has_begun_whatever_becomes_of_its_replica(server, replicas):
    first, host = await replicas(server, QUICK)
    second, other = await replicas(server, QUICK)
    other.places = 0
    await first.reserve("key", b"d", "rsn_1")
    log = host.begin("rsn_1", key="key")
    await until(lambda: log.released == 1)
    await die(first)
    await asyncio.sleep(3 * first.settings.lease_s)
    assert await second.reserve("key", b"d", "rsn_2") == Reservation("rsn_1", b"d")
