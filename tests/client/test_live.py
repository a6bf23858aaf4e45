"""Both clients against a server on a real socket."""

import asyncio
import itertools
from contextlib import asynccontextmanager

import pytest

from anytime_client import (
    AuthenticationError,
    CheckpointRule,
    ConfigurationError,
    ConflictError,
    InterimOptions,
    InvalidRequestError,
    NotFoundError,
    ReasonCancelledError,
    ReasonFailedError,
    StopWhen,
)
from api.test_reason import until

LONG = {"thinking": "x" * 3000, "pause_s": 0.001}


async def test_reason_returns_the_document(served, connect):
    async with served() as (server, _), connect(server) as client:
        document = await client.reason("count", budget=12)
        assert (document.status, document.stop_reason) == ("completed", "budget")
        assert document.answer.value == "4"
        assert await client.get(document.id) == document


async def test_every_field_arrives(served, connect):
    async with served() as (server, engine), connect(server) as client:
        await client.reason(
            messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "count"}],
            budget=12,
            checkpoints=CheckpointRule(every=4),
            interim=InterimOptions(samples=2),
            stop_when=StopWhen(stable=5),
            temperature=0.5,
            top_k=None,
            stop=["zzz"],
        )
        trunk, *branches = engine.requests
        assert b"system: be brief\nuser: count\n" in bytes(i for i in trunk.input_ids if i < 256)
        assert trunk.sampling.temperature == 0.5
        assert {branch.samples for branch in branches[:2]} == {2}


async def test_rules_may_be_texts(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client:
        document = await client.reason("count", budget=2900, checkpoints="every:20", stop_when="stable:3")
        assert [point.at for point in document.checkpoints[:3]] == [20, 40, 60]
        assert document.stop_reason == "stable"
        with pytest.raises(InvalidRequestError, match="every:250"):
            await client.reason("count", checkpoints="often")


async def test_a_conversation_is_a_question_too(served, connect):
    async with served() as (server, engine), connect(server) as client:
        await client.reason([{"role": "user", "content": "count"}], budget=4)
        assert b"user: count\n" in bytes(i for i in engine.requests[0].input_ids if i < 256)


async def test_a_stream_shows_the_session_as_it_goes(served, connect):
    async with served(pause_s=0.002) as (server, _), connect(server) as client:
        async with client.stream("count", budget=20, checkpoints=[5, 10]) as stream:
            assert stream.id.startswith("rsn_")
            assert (stream.budget.granted, stream.document) == (20, None)
            seen = [(event, stream.snapshot) async for event in stream]
        events = [event for event, _ in seen]
        assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
        assert all(known.last_sequence_number == event.sequence_number for event, known in seen)
        assert [answer.at for answer in stream.checkpoints] == [5, 10]
        assert stream.document == events[-1].document
        assert stream.thinking == stream.document.thinking
        assert stream.answer_text.strip() == stream.best_answer.text == stream.document.answer.text
        assert await stream.until_done() == stream.document


async def test_leaving_a_stream_early_cancels_the_session(served, connect):
    async with served(**LONG) as (server, engine), connect(server) as client:
        async with client.stream("count", budget=2900) as stream:
            assert (await anext(stream)).type == "reason.created"
        assert engine.active == set()
        assert stream.document.status == "cancelled"
        assert (await client.get(stream.id)).status == "cancelled"


async def test_leaving_a_background_stream_lets_the_session_run(served, connect):
    async with served(thinking="x" * 200, pause_s=0.001) as (server, _), connect(server) as client:
        async with client.stream("count", budget=150, background=True) as stream:
            pass
        assert (await client.get(stream.id)).status == "running"
        async with client.attach(stream.id) as again:
            assert (await again.until_done()).status == "completed"


async def test_reason_in_the_background_returns_at_once(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client:
        document = await client.reason("count", budget=2900, background=True)
        assert document.status == "running"
        assert (await client.cancel(document.id)).status == "cancelled"


async def test_answer_now_from_another_task(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client, client.stream("count", budget=2900) as stream:
        reading = asyncio.ensure_future(stream.until_done())
        await until(lambda: len(stream.thinking) > 5)
        assert (await stream.answer_now()).status == "running"
        assert (await reading).stop_reason == "answer_now"


async def test_cancel_from_another_task_ends_the_iteration(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client:
        async with client.stream("count", budget=2900) as stream:
            reading = asyncio.ensure_future(stream.until_done())
            await until(lambda: len(stream.thinking) > 5)
            cancelled = await stream.cancel()
            with pytest.raises(ReasonCancelledError) as failure:
                await reading
        assert failure.value.document == stream.document == cancelled


async def test_extending_a_running_session_goes_on_in_its_stream(served, connect):
    async with served(thinking="0123456789" * 20, pause_s=0.001) as (server, _), connect(server) as client:
        async with client.stream("count", budget=60) as stream:
            assert (await stream.extend(by=40)).budget.granted == 100
            events = [event.type async for event in stream]
        assert events.count("budget.changed") == 1
        assert stream.document.thinking == "0123456789" * 10


async def test_extending_after_the_end_goes_on_in_the_same_iteration(served, connect):
    async with served(thinking="0123456789" * 20) as (server, _), connect(server) as client:
        async with client.stream("count", budget=20) as stream:
            seen = []
            async for event in stream:
                seen.append(event)
                if event.type == "reason.completed" and stream.budget.granted < 40:
                    await stream.extend("+10")
            assert [event.type for event in seen].count("reason.completed") == 3
            assert stream.thinking == "0123456789" * 4
            await stream.extend(50)
            assert (await stream.until_done()).budget.spent == 50
            seen_again = [event async for event in stream]
        assert [event.sequence_number for event in seen] == list(range(1, len(seen) + 1))
        assert seen_again == []


async def test_steering_a_session_by_its_id(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client:
        id = (await client.reason("count", budget=1000, background=True)).id
        assert (await client.extend(id, by=500)).budget.granted == 1500
        assert (await client.extend(id, "+100")).budget.granted == 1600
        assert (await client.extend(id, to=1700)).budget.granted == 1700
        assert (await client.answer_now(id)).status == "running"
        async with client.attach(id) as stream:
            assert (await stream.until_done()).stop_reason == "answer_now"
        with pytest.raises(ConflictError) as failure:
            await client.extend(id, 1)
        with pytest.raises(ConfigurationError, match=r"one of to=500 .* and by=500"):
            await client.extend(id, 500, by=500)
        with pytest.raises(ConfigurationError, match="1 or more"):
            await client.extend(id, by=0)
        assert failure.value.param == "budget"


async def test_attaching_behind_an_event(served, connect):
    async with served() as (server, _), connect(server) as client:
        document = await client.reason("count", budget=12)
        async with client.attach(document.id) as stream:
            everything = [event async for event in stream]
        async with client.attach(document.id, starting_after=3) as stream:
            assert [event async for event in stream] == everything[3:]
        async with client.attach(document.id, starting_after=document.last_sequence_number) as stream:
            assert [event async for event in stream] == []
            assert await stream.until_done() == document


async def test_attaching_to_an_extended_session_reads_all_of_it(served, connect):
    async with served(thinking="0123456789" * 20) as (server, _), connect(server) as client:
        first = await client.reason("count", budget=20)
        await client.extend(first.id, "+10")
        async with client.attach(first.id) as stream:
            await stream.until_done()
        async with client.attach(first.id) as stream:
            events = [event.type async for event in stream]
        assert events.count("reason.completed") == 2
        assert stream.budget.spent == 30


async def test_leaving_an_attached_stream_cancels_nothing(served, connect):
    async with served(**LONG) as (server, _), connect(server) as client:
        id = (await client.reason("count", budget=2900, background=True)).id
        async with client.attach(id) as stream:
            await anext(stream)
        assert (await client.get(id)).status == "running"
        await client.cancel(id)


async def test_a_session_that_fails_raises_with_the_best_answer_so_far(served, connect):
    async with served(**LONG) as (server, engine), connect(server) as client:
        async with client.stream("count", budget=2900, checkpoints=[5, 500]) as stream:
            async for event in stream:
                if event.type == "checkpoint.answer":
                    engine.dead = True
            assert event.type == "reason.failed"
            with pytest.raises(ReasonFailedError) as failure:
                await stream.until_done()
        error = failure.value
        assert error.document.error.type == "engine_error"
        assert (error.message, error.best_answer.value) == (error.document.error.message, "0")


async def test_refusals_are_typed(served, connect):
    async with served() as (server, _), connect(server) as client:
        with pytest.raises(InvalidRequestError, match="did you mean 'budget'") as invalid:
            await client.reason("count", budgett=3)
        assert invalid.value.param == "budgett"
        with pytest.raises(InvalidRequestError, match="give either prompt or messages"):
            await client.reason()
        for lost in (client.get("nope"), client.cancel("nope"), client.attach("nope").until_done()):
            with pytest.raises(NotFoundError) as missing:
                await lost
            assert missing.value.request_id


async def test_a_key_opens_a_server_that_wants_one(served, connect):
    async with served(app={"api_keys": ("a-key-of-some-length",)}) as (server, _):
        async with connect(server, api_key="a-key-of-some-length") as client:
            assert (await client.reason("count", budget=5)).status == "completed"
        for key in (None, "wrong"):
            async with connect(server, api_key=key) as client:
                with pytest.raises(AuthenticationError):
                    await client.reason("count", budget=5)


@asynccontextmanager
async def cutting(server, after_bytes):
    """A proxy whose connections go down, each once it has passed on `after_bytes` more of a response than the last."""
    limits = itertools.count(after_bytes, after_bytes)

    async def handle(reader, writer):
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", server.base_url.port)
        sending = asyncio.ensure_future(pass_on(reader, upstream))
        await pass_on(upstream_reader, writer, next(limits))
        sending.cancel()
        upstream.transport.abort()
        writer.transport.abort()

    async def pass_on(reader, writer, most=2**30):
        while most > 0 and (data := await reader.read(min(most, 65536))):
            writer.write(data)
            await writer.drain()
            most -= len(data)

    proxy = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


async def test_a_live_session_is_read_without_a_gap_over_many_connections(served, connect):
    async with (
        served(thinking="0123456789" * 30, pause_s=0.001) as (server, engine),
        cutting(server, after_bytes=500) as url,
        connect(url, patient=False) as client,
    ):
        async with client.stream("count", budget=200, checkpoints={"every": 20}) as stream:
            seen = [event async for event in stream]
        assert [event.sequence_number for event in seen] == list(range(1, len(seen) + 1))
        assert stream.thinking == "0123456789" * 20
        assert [answer.at for answer in stream.checkpoints] == list(range(20, 200, 20))
        assert len(engine.requests) == 1 + 9  # one trunk: no connection began another session


async def test_a_full_server_is_waited_for(served, connect):
    async with served(max_sessions=1, **LONG) as (server, _), connect(server) as client:
        async with client.stream("count", budget=2900) as stream:
            waiting = asyncio.ensure_future(client.reason("count", budget=5))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await stream.cancel()
        assert (await waiting).status == "completed"


async def test_several_trunks_think_in_their_own_words(served, connect):
    async with served(pause_s=0.001) as (server, _), connect(server) as client:
        fields = {"trunks": 3, "budget": 60, "checkpoints": {"every": 5}, "temperature": 1.0, "seed": 3}
        seen = []
        async with client.stream("count", **fields) as stream:
            async for _ in stream:
                seen.append(stream.snapshot)
            document = stream.document
    assert [trunk.spent for trunk in document.trunks] == [20, 20, 20]
    assert seen[-2].trunks == tuple(trunk.thinking for trunk in document.trunks)
    assert seen[-2].thinking == document.thinking
    assert seen[-2].checkpoints == document.checkpoints
    assert seen[-2].budget == document.budget
    assert document.checkpoints[-1].ballots[2].trunk == 2
