"""Sessions that nobody runs are gone on with: once, by whom there is room, and never behind their owner's back."""

import asyncio
import dataclasses
import time

import pytest
from redis.exceptions import RedisError

from redis_replicas import QUICK, die, end, read, think, until


@pytest.fixture
def settings():
    return QUICK


async def test_a_dead_replicas_sessions_go_on_elsewhere(server, replicas):
    first, host = await replicas(server)
    second, other = await replicas(server)
    log = host.begin("rsn_a", key="k")
    think(log, "one", steps="first steps")
    await until(lambda: log.released == 2)
    reader = asyncio.create_task(read(await second.find("rsn_a")))
    await die(first)
    await until(lambda: "rsn_a" in other.adopted)
    stored = other.adopted["rsn_a"]
    assert (stored.id, stored.head, stored.key) == ("rsn_a", "head of rsn_a", "k")
    assert stored.entries == tuple(log.entries())
    assert stored.entries[1].steps == "first steps"
    think(other.logs["rsn_a"], "two")
    end(other.logs["rsn_a"])
    entries = await read(other.logs["rsn_a"])
    assert [entry.sequence_number for entry in entries] == [1, 2, 3, 4]
    async with asyncio.timeout(20):
        assert await reader == entries
    assert second.counts.takeovers == 1


async def test_a_living_replicas_sessions_stay_where_they_are(server, replicas):
    _, host = await replicas(server)
    _, other = await replicas(server)
    host.begin("rsn_a")
    await asyncio.sleep(2.5 * QUICK.lease_s)
    assert other.adopted == {}
    assert host.lost == []


async def test_a_session_that_can_not_be_taken_over_does_not_keep_others_from_it(server, replicas, caplog):
    first, host = await replicas(server)
    _, other = await replicas(server)
    logs = [host.begin("rsn_a"), host.begin("rsn_b")]
    await until(lambda: all(log.released for log in logs))
    seen, adopt = [], other.adopt

    def failing_first(stored):
        seen.append(stored.id)
        if len(seen) == 1:
            raise AttributeError("what no log of ours has")
        adopt(stored)

    other.adopt = failing_first
    await die(first)
    await until(lambda: other.adopted)
    assert sorted(seen) == ["rsn_a", "rsn_b"]
    assert [one.levelname for one in caplog.records if one.message == "session can't be taken over"] == ["ERROR"]


async def test_released_sessions_go_on_at_once(server, replicas):
    first, host = await replicas(server, dataclasses.replace(QUICK, lease_s=300))
    _, other = await replicas(server, dataclasses.replace(QUICK, lease_s=300))
    log = host.begin("rsn_a")
    think(log, "one")
    host.places = 0
    await first.release(["rsn_a"])
    think(log, "too late")
    await until(lambda: "rsn_a" in other.adopted)
    assert len(other.adopted["rsn_a"].entries) == 2
    assert log.moved
    assert host.lost == []


async def test_a_store_that_stops_releases_what_runs(server, replicas):
    first, host = await replicas(server, dataclasses.replace(QUICK, lease_s=300))
    _, other = await replicas(server, dataclasses.replace(QUICK, lease_s=300))
    log = host.begin("rsn_a")
    think(log, "one")
    await first.stop()
    await first.stop()
    await until(lambda: "rsn_a" in other.adopted)
    assert len(other.adopted["rsn_a"].entries) == 2
    assert not first.available


async def test_an_ended_session_is_not_taken_over(server, replicas):
    first, host = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    await die(first)
    _, other = await replicas(server)
    await asyncio.sleep(2 * QUICK.lease_s)
    assert other.adopted == {}


async def test_no_replica_takes_more_than_it_has_room_for(server, replicas):
    first, host = await replicas(server)
    for number in range(12):
        host.begin(f"rsn_{number}")
    await until(lambda: first.backlog == 0)
    others = [(await replicas(server))[1] for _ in range(3)]
    for other in others:
        other.places = 2
        other.room = lambda other=other: other.places - len(other.adopted)
    await die(first)
    await until(lambda: sum(len(other.adopted) for other in others) == 6)
    await asyncio.sleep(4 * QUICK.scan_s)
    assert [len(other.adopted) for other in others] == [2, 2, 2]
    others[1].places = 10
    await until(lambda: len(others[1].adopted) == 8)


async def test_replicas_share_what_a_dead_one_has_left_and_nothing_goes_on_twice(server, replicas):
    first, host = await replicas(server)
    for number in range(60):
        host.begin(f"rsn_{number}")
    await until(lambda: first.backlog == 0)
    others = [(await replicas(server))[1] for _ in range(3)]
    await asyncio.sleep(QUICK.lease_s)
    await die(first)
    await until(lambda: sum(len(other.adopted) for other in others) >= 60)
    await asyncio.sleep(4 * QUICK.scan_s)
    taken = [id for other in others for id in other.adopted]
    assert sorted(taken) == sorted(f"rsn_{number}" for number in range(60))
    assert all(other.adopted for other in others)


async def test_who_has_left_its_share_to_others_looks_again_soon(server, replicas):
    first, host = await replicas(server)
    for number in range(4):
        host.begin(f"rsn_{number}")
    await until(lambda: first.backlog == 0)
    idle, _ = await replicas(server)
    next(task for task in idle.service._tasks if task.get_name() == "takeover").cancel()
    _, other = await replicas(server, dataclasses.replace(QUICK, scan_s=0.6))
    await die(first)
    await until(lambda: other.adopted)
    began = time.monotonic()
    # Half of four, of two, and of one.
    await until(lambda: len(other.adopted) == 4)
    assert time.monotonic() - began < 0.9


async def test_an_owner_that_stood_still_is_fenced(server, replicas):
    first, host = await replicas(server)
    second, other = await replicas(server)
    log = host.begin("rsn_a")
    think(log, "one")
    await until(lambda: log.released == 2)
    lease = next(task for task in first.service._tasks if task.get_name() == "lease")
    lease.cancel()  # it does not renew, as if it was stopped
    scanner = next(task for task in first.service._tasks if task.get_name() == "takeover")
    scanner.cancel()
    await until(lambda: "rsn_a" in other.adopted)
    think(other.logs["rsn_a"], "two")
    think(log, "another two")
    think(log, "another three")
    await until(lambda: host.lost == ["rsn_a"])
    assert log.released == 2
    assert log.moved
    assert first.counts.fenced == 1
    end(other.logs["rsn_a"])
    entries = await read(other.logs["rsn_a"])
    assert await read(await first.find("rsn_a")) == entries
    assert [entry.sequence_number for entry in entries] == [1, 2, 3, 4]
    assert second.counts.fenced == 0


async def test_a_silent_session_finds_out_that_it_was_taken_over(server, replicas):
    first, host = await replicas(server)
    _, other = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    await asyncio.sleep(QUICK.lease_s)
    host.places = 0
    await first.service.client.set(first.service.keys.lease(first.service.replica), 1, px=1)
    first.service.lease.renew, renew = _nothing, first.service.lease.renew
    await until(lambda: "rsn_a" in other.adopted)
    first.service.lease.renew = renew
    await until(lambda: host.lost == ["rsn_a"])


async def _nothing():
    """In place of a renewal."""


async def test_sessions_of_another_fingerprint_are_out_of_sight(server, replicas):
    first, host = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    await die(first)
    store, other = await replicas(server, fingerprint="another")
    await asyncio.sleep(2 * QUICK.lease_s)
    assert other.adopted == {}
    assert await store.find("rsn_a") is None


async def test_a_claim_that_was_cut_off_is_made_again(server, replicas):
    first, host = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    second, other = await replicas(server)
    claim = second.service.scripts.claim
    failures = 3

    async def claim_without_a_reply(orphan):
        nonlocal failures
        fence = await claim(orphan)
        if failures and fence:
            failures -= 1
            raise RedisError("gone")
        return fence

    second.service.scripts.claim = claim_without_a_reply
    await die(first)
    await until(lambda: "rsn_a" in other.adopted)
    assert failures == 0
    end(other.logs["rsn_a"])
    assert len(await read(other.logs["rsn_a"])) == 2


@pytest.mark.parametrize("claimers", [2, 5])
async def test_an_ended_session_is_claimed_by_one(server, replicas, claimers):
    _, host = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    others = [await replicas(server) for _ in range(claimers)]
    stored = await asyncio.gather(*(store.claim("rsn_a") for store, _ in others))
    winners = [(pair, found) for pair, found in zip(others, stored, strict=True) if found is not None]
    assert len(winners) == 1
    ((_, winner), found) = winners[0]
    assert [entry.sequence_number for entry in found.entries] == [1, 2]
    reopened = winner.restore(found)
    think(reopened, "more")
    await until(lambda: reopened.released == 3)
    assert [await store.claim("rsn_a") for store, _ in others] == [None] * claimers
    end(reopened)
    await read(reopened)
    assert await others[0][0].claim("rsn_a") is not None


async def test_a_claim_that_nothing_comes_of_lapses(server, replicas):
    _, host = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    first, _ = await replicas(server)
    second, _ = await replicas(server)
    assert await first.claim("rsn_a") is not None
    assert await second.claim("rsn_a") is None
    await first.release(["rsn_a"])
    assert await second.claim("rsn_a") is not None
    async with asyncio.timeout(20):
        while await first.claim("rsn_a") is None:
            await asyncio.sleep(0.02)


async def test_nothing_unknown_and_nothing_that_runs_is_claimed(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    assert await store.claim("rsn_a") is None
    assert await store.claim("rsn_b") is None


async def test_a_claimed_session_that_is_not_thought_on_with_is_let_go(server, replicas):
    _, host = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    store, claimer = await replicas(server)
    again = claimer.restore(await store.claim("rsn_a"))
    again.closed = True
    assert store.service.journal.owns("rsn_a")
    await until(lambda: not store.service.journal.owns("rsn_a"))


async def test_a_session_is_restored_again_after_a_restore_that_failed(server, replicas):
    first, host = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    await die(first)
    _, other = await replicas(server)
    await until(lambda: "rsn_a" in other.adopted)
    again = other.restore(other.adopted["rsn_a"])
    end(again)
    assert len(await read(again)) == 2
