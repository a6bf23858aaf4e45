"""Many questions at once: in order, so many at a time, with one way of failing."""

import asyncio
import signal
import sys
from threading import Barrier, Event, Semaphore, main_thread

import httpx
import pytest

from anytime_client import (
    Anytime,
    AsyncAnytime,
    ConfigurationError,
    InvalidRequestError,
    OverloadedError,
    ReasonCancelledError,
    ReasonDocument,
)
from anytime_client._progress import progress_bar
from anytime_client._stream_view import UNREAD_FAREWELL_S
from api.test_reason import until


async def test_the_documents_come_in_the_order_of_the_questions(served, connect):
    async with served(pause_s=0.001) as (server, _), connect(server) as client:
        questions = [[{"role": "user", "content": "count"}], "count", "x" * 50, "count again"]
        documents = await client.reason_many(questions, concurrency=3, budget=8)
        prompts = [document.usage.prompt for document in documents]
        assert prompts[0] == prompts[1] < prompts[3] < prompts[2]
        assert await client.reason_many([]) == []


async def test_no_more_than_so_many_run_at_a_time(served, connect):
    async with served(max_sessions=3) as (server, engine), connect(server, max_retries=0) as client:
        assert len(await client.reason_many(["count"] * 12, concurrency=3, budget=8)) == 12
        engine.gate.clear()
        with pytest.raises(OverloadedError):
            await client.reason_many(["count"] * 4, concurrency=4)
        engine.gate.set()
        await until(lambda: not engine.active)


async def test_the_first_error_ends_the_batch_and_cancels_the_rest(served, connect):
    async with served(thinking="x" * 3000, pause_s=0.001) as (server, engine), connect(server) as client:
        asking = asyncio.ensure_future(client.reason_many(["count"] * 3, budget=2900))
        await until(lambda: len(engine.active) == 3 and engine.generated > 100)
        await server.delete(f"/reason/{engine.requests[1].request_id.partition('.')[0]}")
        with pytest.raises(ReasonCancelledError):
            await asking
        await until(lambda: not engine.active)
        assert engine.generated < 2 * 2900


async def test_errors_can_stand_in_their_documents_places(served, connect):
    async with served() as (server, _), connect(server) as client:
        good, bad, again = await client.reason_many(["count", " ", "count"], budget=8, on_error="return")
        assert isinstance(bad, InvalidRequestError)
        assert isinstance(good, ReasonDocument)
        assert isinstance(again, ReasonDocument)


def test_an_interrupt_waits_for_no_place_on_a_full_server():
    full = httpx.Response(429, headers={"Retry-After": "60"}, json={"error": {"type": "full", "message": "full"}})
    returned, over = Event(), Event()

    def sleep(seconds):
        signal.pthread_kill(main_thread().ident, signal.SIGINT)
        returned.wait(20)
        over.set()

    with Anytime("http://server", transport=httpx.MockTransport(lambda _: full), sleep=sleep) as client:
        with pytest.raises(KeyboardInterrupt):
            client.reason_many(["count"] * 9, concurrency=1)
        assert not over.is_set()
        returned.set()


STREAM = {"Content-Type": "text/event-stream"}
CREATED = (
    b'data: {"type": "reason.created", "sequence_number": 1, "id": "rsn_1", "model": "m", '
    b'"budget": {"requested": 9, "granted": 9, "spent": 0}, "checkpoints": []}\n\n'
)


def test_all_are_left_at_once():
    begun, over = Semaphore(0), Event()
    farewells, waits = Barrier(3, timeout=10), set()

    def streamed():
        yield CREATED
        begun.release()
        over.wait()

    def answer(request):
        if request.method == "DELETE":
            waits.add(request.extensions["timeout"]["read"])
            farewells.wait()
            return httpx.Response(404)
        if b"bad" not in request.content:
            return httpx.Response(200, headers=STREAM, content=streamed())
        for _ in range(farewells.parties):
            begun.acquire()
        return httpx.Response(422)

    with Anytime("http://server", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(InvalidRequestError):
            client.reason_many(["a", "b", "c", "bad"], concurrency=4)
        assert not farewells.broken
        assert waits == {UNREAD_FAREWELL_S}
        over.set()


async def test_so_are_those_of_tasks():
    begun, waits = asyncio.Semaphore(0), []

    async def streamed():
        yield CREATED
        begun.release()
        await asyncio.Event().wait()

    def answer(request):
        if request.method == "POST":
            return httpx.Response(200, headers=STREAM, content=streamed())
        waits.append(request.extensions["timeout"]["read"])
        return httpx.Response(404)

    async with AsyncAnytime("http://server", transport=httpx.MockTransport(answer)) as client:
        asking = asyncio.create_task(client.reason_many(["a", "b"]))
        for _ in range(2):
            await begun.acquire()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert waits == [UNREAD_FAREWELL_S] * 2


@pytest.mark.parametrize("concurrency", [0, float("nan")])
async def test_at_least_one_must_run(connect, concurrency):
    async with connect("http://server") as client:
        with pytest.raises(ConfigurationError, match="concurrency"):
            await client.reason_many(["count"], concurrency=concurrency)


async def test_one_text_is_not_taken_for_as_many_questions_as_it_has_letters(connect):
    async with connect("http://server") as client:
        with pytest.raises(ConfigurationError, match="list of questions"):
            await client.reason_many("12+7")


def test_a_bar_is_shown_when_asked_for(capsys):
    with progress_bar(3, True) as advance:
        for _ in range(2):
            advance()
    assert "2/3" in capsys.readouterr().err


def test_without_a_standard_error_there_is_no_bar_either(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar(3, None) as advance:
        advance()


def test_without_a_terminal_there_is_no_bar(capsys):
    assert not sys.stderr.isatty()
    with progress_bar(3, None) as advance:
        advance()
    assert capsys.readouterr() == ("", "")
