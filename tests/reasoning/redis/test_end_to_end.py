"""Whole replicas: sessions are read, steered and gone on with by any of them, and end as if nothing had happened."""

import asyncio
import contextlib
import random
import secrets

import pytest

from anytime_client.protocol import EVENT_ADAPTER, ReasonResumed
from anytime_server.errors import AnytimeError, Conflict, Unavailable
from redis_reasoners import ask, check_whole, events_of, gathered, made, start_replica, undisturbed, until_told
from redis_replicas import until


@pytest.fixture
async def fleet():
    """Start replicas over a server; what they leave running at the end is a leak."""
    replicas = []
    model = f"fake-{secrets.token_hex(4)}"

    async def start(server, number=2, **options):
        replicas.extend([await start_replica(server, model, **options) for _ in range(number)])
        return replicas

    yield start
    for replica in replicas:
        if not replica.killed:
            await replica.reasoner.drain(0)
            await replica.store.stop()
        assert not replica.engine.active


async def test_any_replica_reads_and_steers(server, fleet):
    first, second = await fleet(server)
    begun = await first.begin()
    elsewhere = await second.reasoner.find(begun.id)
    reader = asyncio.create_task(events_of(elsewhere))
    await until_told(elsewhere, 3)
    running = await elsewhere.document()
    assert (running.status, running.id) == ("running", begun.id)
    raised = await second.reasoner.think_on(begun.id, 7, True, None)
    assert raised.budget.granted == 307
    await elsewhere.answer_now()
    document = check_whole((await gathered(reader))[0])
    assert document.stop_reason == "answer_now"
    assert await elsewhere.document() == document
    assert (await (await second.reasoner.find(begun.id)).cancel()) == document


async def test_a_cancel_elsewhere_returns_once_the_session_has_ended(server, fleet):
    first, second = await fleet(server)
    begun = await first.begin()
    await until_told(begun, 2)
    document = await (await second.reasoner.find(begun.id)).cancel()
    assert document.status == "cancelled"
    assert not first.engine.active
    assert check_whole(await events_of(begun)) == document


@pytest.mark.parametrize("told", [1, 20])
async def test_a_session_of_a_killed_server_ends_as_if_nothing_had_happened(server, fleet, told):
    first, second, third = await fleet(server, 3)
    begun = await first.begin()
    reader = asyncio.create_task(events_of(await third.reasoner.find(begun.id)))
    await until_told(begun, told)
    await first.kill()
    events = (await gathered(reader))[0]
    document = check_whole(events)
    assert made(document) == made(await undisturbed())
    assert [event.cause for event in events if isinstance(event, ReasonResumed)] == ["server"]
    assert second.store.counts.takeovers + third.store.counts.takeovers == 1


async def test_a_drained_server_hands_over_and_its_readers_read_on(server, fleet):
    first, second = await fleet(server)
    begun = [await first.begin() for _ in range(4)]
    readers = [asyncio.create_task(_reading(handle)) for handle in begun]
    await until_told(begun[0], 4)
    await gathered(first.reasoner.drain(20))
    assert not first.engine.active
    for events in await gathered(*readers):
        assert made(check_whole(events)) == made(await undisturbed())
    assert second.store.counts.takeovers == 4


async def _reading(handle):
    with handle.reading():
        return await events_of(handle)


async def test_a_server_that_stood_still_is_fenced_and_its_readers_read_on(server, fleet):
    first, second = await fleet(server, pause_s=0.01)
    begun = await first.begin()
    reader = asyncio.create_task(_reading(begun))
    await until_told(begun, 3)
    await first.freeze()
    await until(lambda: second.store.counts.takeovers == 1)
    events = (await gathered(reader))[0]
    assert made(check_whole(events)) == made(await undisturbed())
    assert first.store.counts.fenced == 1
    assert not first.engine.active
    assert await events_of(await second.reasoner.find(begun.id)) == events


async def test_sessions_outlive_server_after_server(server, fleet):
    replicas = await fleet(server, 4)
    handles = [await replicas[number % 2].begin(background=True) for number in range(8)]
    watcher = replicas[3]
    readers = [asyncio.create_task(events_of(await watcher.reasoner.find(handle.id))) for handle in handles]
    await until_told(handles[0], 3)
    await replicas[0].kill()
    await until(lambda: sum(replica.store.counts.takeovers for replica in replicas[1:]) >= 4)
    await replicas[1].kill()
    twin = made(await undisturbed(background=True))
    for events in await gathered(*readers):
        assert made(check_whole(events)) == twin


async def test_a_request_whose_replica_died_with_its_key_begins_elsewhere(server, fleet):
    first, second = await fleet(server)
    plan = first.reasoner.plan(ask())
    await first.store.reserve("k", plan.digest, "rsn_never_begun")
    await first.kill()
    begun = await second.begin(key="k")
    assert begun.id != "rsn_never_begun"
    assert made(check_whole(await events_of(begun))) == made(await undisturbed())


async def test_one_key_at_two_replicas_is_one_session(server, fleet):
    first, second = await fleet(server)
    one, other = await gathered(*(_begin_again_until_begun(replica) for replica in (first, second)))
    assert one.id == other.id
    again = await second.reasoner.begun_with("k", ask())
    assert again.id == one.id
    with pytest.raises(Conflict, match="another request"):
        await second.begin(key="k", budget=5)
    check_whole(await events_of(other))


async def _begin_again_until_begun(replica):
    while True:
        try:
            return await replica.begin(key="k")
        except Unavailable:
            await asyncio.sleep(0.02)


async def test_one_key_extends_once_at_whichever_replicas(server, fleet):
    first, second, third = await fleet(server, 3)
    begun = await first.begin(budget=40)
    check_whole(await events_of(begun))

    async def extend(replica):
        while True:
            try:
                return await replica.reasoner.think_on(begun.id, 30, True, "more")
            except Unavailable:
                await asyncio.sleep(0.05)

    documents = await gathered(*(extend(replica) for replica in (first, second, third)))
    assert {document.budget.granted for document in documents} == {70}
    for replica in (first, second, third):
        document = check_whole(await events_of(await replica.reasoner.find(begun.id)), runs=2)
        assert document.budget.spent == 70
    with pytest.raises(Conflict, match="another extension"):
        await third.reasoner.think_on(begun.id, 31, True, "more")


async def test_one_key_extends_a_running_session_once(server, fleet):
    first, second, third = await fleet(server, 3, pause_s=0.005)
    begun = await first.begin(budget=100)
    await until_told(begun, 2)
    documents = await gathered(
        *(replica.reasoner.think_on(begun.id, 20, True, "more") for replica in (first, second, third))
    )
    assert {document.budget.granted for document in documents} == {120}
    assert check_whole(await events_of(begun)).budget.spent == 120


async def test_a_key_extends_once_although_the_owner_was_killed(server, fleet):
    first, second, third = await fleet(server, 3, pause_s=0.01)
    begun = await first.begin(budget=100)
    await until_told(begun, 2)
    await second.reasoner.think_on(begun.id, 20, True, "more")
    await first.kill()
    again = await gathered(third.reasoner.think_on(begun.id, 20, True, "more"))
    assert again[0].budget.granted == 120
    elsewhere = await third.reasoner.find(begun.id)
    assert check_whole((await gathered(events_of(elsewhere)))[0]).budget.spent == 120


async def test_extensions_that_meet_at_one_replica_claim_the_session_once(server, fleet):
    first, second = await fleet(server)
    begun = await first.begin(budget=40, background=True)
    await gathered(events_of(begun))
    claim = second.store.claim

    async def claim_slowly(session_id):
        stored = await claim(session_id)
        await asyncio.sleep(0.1)
        return stored

    second.store.claim = claim_slowly
    await gathered(*(second.reasoner.think_on(begun.id, tokens, True, None) for tokens in (10, 20)))
    handle = await first.reasoner.find(begun.id)
    async with asyncio.timeout(20):
        while not (await handle.standing()).ended or (await handle.document()).budget.spent < 70:
            await asyncio.sleep(0.02)
    assert (await handle.document()).budget.granted == 70
    assert second.reasoner._sessions.in_flight == 0
    (events,) = await gathered(events_of(handle))
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_at_once_each_session_has_one_whole_log(server, fleet, seed):
    """Steering, deadlines, natural ends and takeovers race."""
    chance = random.Random(seed)
    replicas = await fleet(server, 3, pause_s=0.004)
    doomed, *rest = replicas
    handles = [
        await chance.choice(replicas).begin(
            budget=chance.choice([60, 200, 400]),
            background=True,
            **({"deadline_ms": chance.randint(200, 1500)} if chance.random() < 0.3 else {}),
        )
        for _ in range(16)
    ]
    readers = [asyncio.create_task(events_of(await rest[0].reasoner.find(handle.id))) for handle in handles]

    async def steer(handle):
        await asyncio.sleep(chance.random())
        replica = chance.choice(rest)
        with contextlib.suppress(AnytimeError):
            match chance.choice(["answer_now", "extend", "extend", "cancel", "document"]):
                case "extend":
                    await replica.reasoner.think_on(handle.id, chance.randint(1, 50), True, chance.choice([None, "k"]))
                case "document":
                    await (await replica.reasoner.find(handle.id)).document()
                case name:
                    await getattr(await replica.reasoner.find(handle.id), name)()

    steering = [asyncio.create_task(steer(handle)) for handle in handles * 2]
    await asyncio.sleep(0.4 + chance.random() * 0.4)
    await (doomed.kill() if seed % 2 else doomed.freeze())
    await gathered(*steering)
    await gathered(*readers)
    for handle in handles:
        elsewhere = await rest[1].reasoner.find(handle.id)
        events = (await gathered(events_of(elsewhere)))[0]
        runs = sum(event.type in ("reason.completed", "reason.cancelled", "reason.failed") for event in events)
        document = check_whole(events, runs)
        assert document.status in ("completed", "cancelled")
        assert document.thinking == ("".join(f"step {n}; " for n in range(40)) + " " * 900)[: len(document.thinking)]


@pytest.mark.parametrize("fault", ["stopped", "killed"])
async def test_sessions_go_on_through_an_outage_of_redis(own_server, fleet, fault):
    first, second = await fleet(own_server, pause_s=0.005)
    handles = [await replica.begin(background=True) for replica in (first, second) for _ in range(4)]
    read = [[] for _ in handles]
    elsewhere = [await second.reasoner.find(handle.id) for handle in handles]
    readers = [asyncio.create_task(_read(*pair)) for pair in zip(elsewhere, read, strict=True)]
    # A reader that has had something follows a feed; one that is about to ask Redis would be told that it is away.
    await until(lambda: all(read))
    if fault == "stopped":
        own_server.pause()
    else:
        own_server.kill()
    await until(lambda: not first.store.available)
    with pytest.raises(Unavailable, match="background"):
        await first.begin(background=True)
    with pytest.raises(Unavailable):
        await first.begin(key="k")
    begun = await first.begin()
    assert (await events_of(begun))[-1].type == "reason.completed"
    if fault == "stopped":
        own_server.resume()
    else:
        own_server.start()
    twin = made(await undisturbed(background=True))
    await gathered(*readers)
    for events in read:
        assert made(check_whole(events)) == twin
    await until(lambda: first.store.available and second.store.available)
    assert made(check_whole(await events_of(await second.reasoner.find(begun.id)))) == made(await undisturbed())
    assert first.store.counts.takeovers == second.store.counts.takeovers == 0


async def _read(handle, into):
    async for entry in handle.read():
        into.append(EVENT_ADAPTER.validate_json(entry.data))


async def test_a_background_session_that_redis_missed_is_there_for_who_asks_again(own_server, fleet):
    first, second = await fleet(own_server, pause_s=0.005)
    reserve = first.store.reserve

    async def reserve_and_lose_redis(*details):
        reservation = await reserve(*details)
        own_server.kill()
        return reservation

    first.store.reserve = reserve_and_lose_redis
    with pytest.raises(Unavailable, match="background"):
        await first.begin(background=True, key="k")
    with pytest.raises(Unavailable, match="background"):
        await first.reasoner.begun_with("k", ask(background=True))
    own_server.start()
    await until(lambda: first.store.available and second.store.available)
    begun = await second.begin(background=True, key="k")
    assert first.reasoner.get(begun.id).runs == 1
    assert made(check_whole(await events_of(begun))) == made(await undisturbed(background=True))


async def test_a_session_read_elsewhere_is_not_abandoned_until_it_is_not(server, fleet):
    first, second = await fleet(server, pause_s=0.02)
    begun = await first.begin(budget=50, grace_ms=100)
    elsewhere = await second.reasoner.find(begun.id)
    with elsewhere.reading():
        async with asyncio.timeout(20):
            while not await first.store.is_read_elsewhere(begun.id):
                await asyncio.sleep(0.01)
        with begun.reading():
            pass
        document = check_whole(await events_of(begun))
    assert document.status == "completed"


async def test_a_session_that_nobody_reads_is_abandoned_and_its_key_is_free(server, fleet):
    first, second = await fleet(server, pause_s=0.02)
    begun = await first.begin(key="k", budget=300, grace_ms=50)
    with begun.reading():
        await until_told(begun, 2)
    assert check_whole(await events_of(begun)).status == "cancelled"
    again = await second.begin(key="k", budget=300, grace_ms=50)
    assert again.id != begun.id
    await again.cancel()


async def test_a_session_that_has_moved_waits_for_no_readers(server, fleet):
    first, second = await fleet(server, pause_s=0.01)
    begun = await first.begin(budget=150, grace_ms=50)
    session = first.reasoner.get(begun.id)
    elsewhere = await second.reasoner.find(begun.id)
    with elsewhere.reading():
        async with asyncio.timeout(20):
            while not await first.store.is_read_elsewhere(begun.id):
                await asyncio.sleep(0.01)
        with begun.reading():
            pass
        await until(lambda: session._abandonment._looking is not None)
        await gathered(first.reasoner.drain(20))
        assert session._abandonment._looking.cancelled() or session._abandonment._looking.cancelling()
        check_whole((await gathered(events_of(elsewhere)))[0])


async def test_nothing_is_left_of_many_sessions(server, fleet):
    first, second = await fleet(server, pause_s=0)
    for _ in range(2):
        handles = [await replica.begin(budget=10, checkpoints=[]) for replica in (first, second) for _ in range(15)]
        await gathered(*(events_of(handle) for handle in handles))
    for replica in (first, second):
        service = replica.store.service
        assert service.journal.owned == ()
        assert not service.ear._feeds
        assert not service.claims._claimed
        assert not service.errands._open
