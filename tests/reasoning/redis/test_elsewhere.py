"""A session that another replica runs is read and steered as if it ran here."""

import asyncio
import dataclasses

import pytest

from anytime_server.errors import AnytimeError, Conflict, Draining, EngineDied, NotFound, Overloaded, Unavailable
from anytime_server.reasoning.reading.handle import Standing
from anytime_server.reasoning.stores import Command
from anytime_server.reasoning.stores.redis import commands
from redis_replicas import QUICK, die, document, end, read, think, until


async def test_a_live_log_is_read_as_it_grows(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    got = []

    async def follow():
        async for entry in handle.read():
            got.append(entry)

    reader = asyncio.create_task(follow())
    for number in range(2, 30):
        think(log, str(number))
        await until(lambda number=number: len(got) == number)
    end(log)
    async with asyncio.timeout(20):
        await reader
    assert got == log.entries()


async def test_many_readers_of_many_sessions_share_one_connection(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    logs = [host.begin(f"rsn_{number}") for number in range(20)]
    for log in logs:
        think(log, "one")
    await until(lambda: all(log.released == 2 for log in logs))
    handles = [await store.find(f"rsn_{number}") for number in range(20)]
    readers = [asyncio.create_task(read(handle, after)) for handle in handles for after in (0, 1, 2)]
    await until(lambda: len(store.service.ear._feeds) == 20)
    before = (await store.service.client.info("clients"))["connected_clients"]
    for number in range(600):
        think(logs[number % 20], str(number))
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    late = [asyncio.create_task(read(handle)) for handle in handles]
    for log in logs:
        end(log)
    async with asyncio.timeout(20):
        seen = await asyncio.gather(*readers, *late)
    assert (await store.service.client.info("clients"))["connected_clients"] <= before + 20
    for number, entries in enumerate(seen[:60]):
        assert entries == logs[number // 3].entries(number % 3)
    for number, entries in enumerate(seen[60:]):
        assert entries == logs[number].entries()
    assert store.service.ear._feeds == {}


async def test_a_reader_that_leaves_leaves_nothing(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    stream = handle.read(1)
    waiting = asyncio.create_task(anext(stream))
    await until(lambda: store.service.ear._feeds)
    waiting.cancel()
    await asyncio.wait([waiting])
    await stream.aclose()
    assert store.service.ear._feeds == {}
    think(log, "one")
    await until(lambda: log.released == 2)
    assert [entry.sequence_number async for entry in _first(handle.read(1))] == [2]


async def _first(stream):
    async for entry in stream:
        yield entry
        await stream.aclose()
        return


async def test_a_log_of_several_runs_is_read_to_the_end_of_the_last(server, replicas):
    _, host = await replicas(server)
    store, other = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    first_run = await store.find("rsn_a")
    assert [entry.type for entry in await read(first_run)] == ["reason.created", "reason.completed"]
    again = other.restore(await store.claim("rsn_a"))
    again.reopen()
    think(again, "more")
    await until(lambda: again.released == 3)
    elsewhere, _ = await replicas(server)
    reader = asyncio.create_task(read(await elsewhere.find("rsn_a")))
    await until(lambda: elsewhere.service.ear._feeds)
    end(again)
    async with asyncio.timeout(20):
        assert [entry.sequence_number for entry in await reader] == [1, 2, 3, 4]


async def test_a_reader_is_let_go_when_the_session_is_gone(server, replicas):
    store, host = await replicas(server)
    other, _ = await replicas(server, dataclasses.replace(QUICK, reader_s=0.3))
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await other.find("rsn_a")
    reader = asyncio.create_task(read(handle))
    await until(lambda: other.service.ear._feeds)
    store.service.journal.drop("rsn_a")
    await store.service.client.delete(store.service.keys.session("rsn_a"), store.service.keys.entries("rsn_a"))
    async with asyncio.timeout(20):
        assert len(await reader) == 1
    for ask in (handle.standing, handle.document, handle.cancel):
        with pytest.raises(NotFound):
            await ask()


async def test_what_readers_there_are_elsewhere_is_known_for_a_while(server, replicas):
    store, host = await replicas(server)
    other, _ = await replicas(server, dataclasses.replace(QUICK, reader_s=0.3))
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    assert not await store.is_read_elsewhere("rsn_a")
    handle = await other.find("rsn_a")
    with handle.reading():
        async with asyncio.timeout(20):
            while not await store.is_read_elsewhere("rsn_a"):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.6)
        assert await store.is_read_elsewhere("rsn_a")
    async with asyncio.timeout(20):
        while await store.is_read_elsewhere("rsn_a"):
            await asyncio.sleep(0.05)


async def test_readers_are_told_of_again_while_ever_new_ones_come(server, replicas):
    store, host = await replicas(server)
    other, _ = await replicas(server, dataclasses.replace(QUICK, reader_s=0.3))
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await other.find("rsn_a")
    with handle.reading():
        for number in range(40):
            with other.service.readership.reading(f"rsn_{number}"):
                await asyncio.sleep(0.02)
        assert await store.is_read_elsewhere("rsn_a")


async def test_who_can_not_be_asked_may_have_readers(own_server, replicas):
    store, _ = await replicas(own_server)
    own_server.kill()
    assert await store.is_read_elsewhere("rsn_a")


async def test_who_only_reads_on_is_a_reader(server, replicas):
    store, host = await replicas(server)
    other, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    reader = asyncio.create_task(read(await other.find("rsn_a")))
    async with asyncio.timeout(20):
        while not await store.is_read_elsewhere("rsn_a"):
            await asyncio.sleep(0.01)
    end(log)
    await reader


async def test_standing_and_document_of_a_session_that_ends(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    assert await handle.standing() == Standing(1, ended=False)
    assert (await handle.document()).status == "running"
    assert host.commands == [Command("document")]
    end(log, answer=None, thinking="all of it")
    await read(log)
    assert await handle.standing() == Standing(2, ended=True)
    host.commands.clear()
    for ended in (await handle.document(), await handle.cancel(), await handle.answer_now()):
        assert (ended.status, ended.thinking) == ("completed", "all of it")
    assert host.commands == []


async def test_commands_arrive_as_they_were_given(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    await handle.answer_now()
    await handle.extend(70, relative=False, key=None)
    await handle.extend(7, relative=True, key="klé \x00")
    await handle.extend(7, relative=True, key=None)
    await handle.cancel()
    now, absolute, keyed, keyless, cancel = host.commands
    assert (now, absolute, cancel) == (Command("answer_now"), Command("extend", 70), Command("cancel"))
    assert keyed == Command("extend", 7, relative=True, key="klé \x00")
    assert keyless.key


@pytest.mark.parametrize(
    "error",
    [
        Conflict("below the present one", param="budget"),
        Overloaded("no slot", retry_after=3),
        EngineDied("down"),
        Draining(),
        NotFound("no such", param="id", code="c"),
    ],
)
async def test_errors_arrive_as_they_were_raised(server, replicas, error):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)

    async def refuse(session_id, command):
        raise error

    host.performs = refuse
    handle = await store.find("rsn_a")
    with pytest.raises(type(error)) as raised:
        await handle.extend(5, relative=False, key=None)
    got = raised.value
    assert type(got) is type(error)
    assert (got.message, got.param, got.retry_after, got.code) == (
        error.message,
        error.param,
        error.retry_after,
        error.code,
    )


async def test_an_owner_with_a_defect_is_an_error_and_no_silence(server, replicas, caplog):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)

    async def fail(session_id, command):
        raise ZeroDivisionError

    host.performs = fail
    with pytest.raises(Exception, match="failed") as raised:
        await (await store.find("rsn_a")).cancel()
    assert raised.value.status == 500
    assert "a command failed" in caplog.text


@pytest.mark.parametrize(
    ("reads", "error", "told"),
    [
        pytest.param("command_of", AnytimeError, "failed", id="a command: its owner refuses it"),
        pytest.param("outcome_of", ValueError, "another version", id="a reply"),
    ],
)
async def test_a_message_that_can_not_be_read_fails_and_both_hear_on(server, replicas, monkeypatch, reads, error, told):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    with monkeypatch.context() as patch, pytest.raises(error, match=told):
        patch.setattr(commands, reads, lambda message: int("of another version"))
        await handle.cancel()
    assert (await handle.document()).status == "running"


async def test_a_command_that_takes_long_is_performed_once(server, replicas):
    _, host = await replicas(server)
    store, _ = await replicas(server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)

    async def slowly(session_id, command):
        await asyncio.sleep(3 * QUICK.reply_s)
        return document("running", id=session_id)

    host.performs = slowly
    await (await store.find("rsn_a")).extend(5, relative=True, key=None)
    assert len(host.commands) == 1


async def test_the_answer_to_a_command_waits_until_what_it_did_is_durable(own_server, replicas):
    store, host = await replicas(own_server)
    other, _ = await replicas(own_server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    writing = asyncio.Event()
    append = store.service.scripts.append

    async def append_later(pieces):
        await writing.wait()
        return await append(pieces)

    async def extend(session_id, command):
        think(log, "changed")
        return document("running", id=session_id)

    store.service.scripts.append = append_later
    store.service.journal._await_patiently = lambda: None
    host.performs = extend
    asked = asyncio.create_task((await other.find("rsn_a")).extend(5, relative=False, key=None))
    await until(lambda: host.commands)
    await asyncio.sleep(0.2)
    assert not asked.done()
    writing.set()
    async with asyncio.timeout(20):
        await asked


async def test_a_command_to_a_dead_owner_is_sent_to_the_next(server, replicas):
    first, host = await replicas(server, QUICK)
    _, heir = await replicas(server, QUICK)
    third, bystander = await replicas(server, QUICK)
    bystander.places = 0
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await third.find("rsn_a")
    await die(first)
    async with asyncio.timeout(20):
        await handle.extend(5, relative=True, key=None)
    assert host.commands == []
    assert len(heir.commands) == 1


async def test_a_command_that_nobody_answers_is_given_up(server, replicas):
    first, host = await replicas(server, QUICK)
    store, idle = await replicas(server, dataclasses.replace(QUICK, command_s=0.5))
    idle.places = 0
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    await die(first)
    with pytest.raises(Unavailable, match="does not answer") as raised:
        await (await store.find("rsn_a")).document()
    assert raised.value.retry_after


async def test_an_ended_session_thinks_on_where_it_is_asked_to(server, replicas):
    _, host = await replicas(server)
    store, asked = await replicas(server)
    log = host.begin("rsn_a")
    end(log)
    await read(log)
    await (await store.find("rsn_a")).extend(50, relative=False, key="k")
    assert host.commands == []
    assert asked.commands == [Command("extend", 50, key="k")]


async def test_a_command_outlasts_an_outage_of_redis(own_server, replicas):
    _, host = await replicas(own_server)
    store, _ = await replicas(own_server)
    log = host.begin("rsn_a")
    await until(lambda: log.released == 1)
    handle = await store.find("rsn_a")
    own_server.kill()
    asked = asyncio.create_task(handle.extend(5, relative=True, key=None))
    await asyncio.sleep(0.3)
    own_server.start()
    async with asyncio.timeout(20):
        await asked
    assert len(host.commands) == 1
