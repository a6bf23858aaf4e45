"""What is appended becomes durable, once, and only then readers see it."""

import asyncio
import dataclasses

from redis_replicas import QUICK, end, read, think, until


async def test_readers_see_what_redis_has(server, replicas):
    store, host = await replicas(server)
    log = host.begin("rsn_a")
    assert log.released == 0
    think(log, "one")
    think(log, "two")
    end(log)
    entries = await read(log)
    assert [entry.type for entry in entries] == [
        "reason.created",
        "thinking.delta",
        "thinking.delta",
        "reason.completed",
    ]
    _, other = await replicas(server)
    assert await read(await other.store.find("rsn_a")) == entries
    await until(lambda: store.backlog == 0)
    assert store.counts.written == 4


async def test_sessions_of_a_tick_share_a_call(server, replicas):
    store, host = await replicas(server, dataclasses.replace(QUICK, tick_s=0.05))
    logs = [host.begin(f"rsn_{number}") for number in range(50)]
    for log in logs:
        think(log, "one")
    await until(lambda: store.backlog == 0)
    assert store.counts.written == 100
    assert store.counts.writes <= 2
    assert all(log.released == 2 for log in logs)


async def test_a_backlog_of_any_length_goes_in_calls_of_bounded_length(server, replicas):
    store, host = await replicas(server)
    logs = [host.begin(f"rsn_{number}") for number in range(3)]
    for log in logs:
        for number in range(1500):
            think(log, str(number))
        end(log)
    entries = await asyncio.gather(*(read(log) for log in logs))
    assert [len(log) for log in entries] == [1502] * 3
    assert store.counts.writes >= 4
    _, other = await replicas(server)
    assert await read(await other.store.find("rsn_1")) == entries[1]


async def test_what_was_sent_is_not_sent_twice_after_a_lost_reply(server, replicas):
    store, host = await replicas(server)
    log = host.begin("rsn_a")
    think(log, "one")
    await until(lambda: log.released == 2)
    store.service.journal._ledgers["rsn_a"].durable = 0
    think(log, "two")
    await until(lambda: log.released == 3 and store.backlog == 0)
    assert await store.service.client.xlen(store.service.keys.entries("rsn_a")) == 3


async def test_a_tail_that_redis_lost_is_sent_again(server, replicas):
    store, host = await replicas(server)
    log = host.begin("rsn_a")
    for number in range(5):
        think(log, str(number))
    await until(lambda: log.released == 6)
    client, keys = store.service.client, store.service.keys
    await client.xtrim(keys.entries("rsn_a"), maxlen=6)
    await client.delete(keys.entries("rsn_a"), keys.session("rsn_a"))
    think(log, "last")
    end(log)
    entries = await read(log)
    _, other = await replicas(server)
    handle = await other.store.find("rsn_a")
    assert await read(handle) == entries
    assert (await handle.standing()).ended


async def test_the_log_of_an_ended_session_expires(server, replicas):
    store, host = await replicas(server, dataclasses.replace(QUICK, ttl_s=1))
    log = host.begin("rsn_a", key="k")
    await store.reserve("k", b"digest", "rsn_a")
    client, keys = store.service.client, store.service.keys
    await until(lambda: log.released == 1)
    assert await client.ttl(keys.entries("rsn_a")) > 80_000
    end(log)
    await read(log)
    assert await client.ttl(keys.reservation("k")) in (0, 1)
    async with asyncio.timeout(20):
        while await store.find("rsn_a") is not None:
            await asyncio.sleep(0.05)
    assert not await client.keys(f"{keys.prefix}[ek]:*")


async def test_nothing_is_kept_of_ended_sessions_in_the_process(server, replicas):
    store, host = await replicas(server)
    for number in range(20):
        log = host.begin(f"rsn_{number}")
        end(log)
        await read(log)
    assert store.service.journal.owned == ()
    assert not store.service.journal._due
    assert not await store.service.client.smembers(store.service.keys.owned(store.service.replica))


async def test_a_session_that_thinks_on_within_the_tick_of_its_end_goes_on_in_one_log(server, replicas):
    _, host = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    log.reopen()
    think(log, "more")
    await until(lambda: log.released == 3)
    _, other = await replicas(server)
    handle = await other.store.find("rsn_a")
    assert not (await handle.standing()).ended
    end(log)
    assert [entry.sequence_number for entry in await read(handle)] == [1, 2, 3, 4]


async def test_texts_that_are_no_words_come_back_as_they_were(server, replicas):
    _, host = await replicas(server)
    log = host.begin("rsn_a")
    for text in ("", "\0", "\r\n$5\r\n", "日本語 🎈", "'\"\\"):
        think(log, text, steps=text)
    end(log)
    entries = await read(log)
    _, other = await replicas(server)
    assert await read(await other.store.find("rsn_a")) == entries
