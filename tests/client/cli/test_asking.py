"""Servers that take connections and answer nothing, or nothing more: a person hears of it, and waits for little."""

import asyncio
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from anytime_client import APIConnectionError, APITimeoutError, _config
from anytime_client._stream_view import FAREWELL_S
from anytime_client.cli import asking, patience
from anytime_client.cli.asking import Asking, _ask, _served_models
from anytime_client.cli.views import View
from anytime_client.cli.wording import no_answer_yet

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CREATED = (
    b'data: {"type": "reason.created", "sequence_number": 1, "id": "rsn_1", "model": "m", "checkpoints": [],'
    b' "budget": {"requested": 9, "granted": 9, "spent": 0}}\n\n'
)
FULL = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 10\r\nX-Request-Id: r\r\n\r\nno place  "


class Listening(View):
    """Keeps what a person is told."""

    def __init__(self):
        self.told = asyncio.Queue()

    def unanswered(self, text):
        self.told.put_nowait(text)

    def show(self, event, snapshot):
        self.told.put_nowait(event.type)


@asynccontextmanager
async def server_that_says(words, after_s=0.0):
    """Give the URL of a server that answers with `words` and then with nothing."""

    async def answer(reader, writer):
        if (await reader.readline()).startswith(b"POST /reason "):
            await asyncio.sleep(after_s)
            writer.write(words)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def left(task):
    """Leave a task as Ctrl-C does once nothing takes it over."""
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("words", "why"), [(b"", "yet; Ctrl-C"), (FULL, "yet: no place (HTTP 429, r); Ctrl-C")])
async def test_a_server_that_does_not_begin_is_told_once(words, why, monkeypatch):
    monkeypatch.setattr(patience, "QUIET_S", 0.2)
    async with server_that_says(words) as url:
        view = Listening()
        async with left(asyncio.create_task(_ask(Asking({}, base_url=url), view))):
            assert await view.told.get() == f"no answer from {url} {why} gives up"
        assert view.told.empty()


async def test_a_server_that_begins_is_not_told(monkeypatch):
    monkeypatch.setattr(patience, "QUIET_S", 0.2)
    async with server_that_says(HEAD + CREATED) as url:
        view = Listening()
        async with left(asyncio.create_task(_ask(Asking({}, base_url=url), view))):
            assert await view.told.get() == "reason.created"
            await asyncio.sleep(0.3)
        assert view.told.empty()


async def test_a_server_that_falls_silent_within_the_session_is_told_once(monkeypatch):
    monkeypatch.setattr(patience, "QUIET_S", 0.2)
    monkeypatch.setattr(_config, "STREAM_READ_S", 0.1)
    monkeypatch.setattr(asking, "TIMEOUT", httpx.Timeout(0.1))
    async with server_that_says(HEAD + CREATED) as url:
        view = Listening()
        async with left(asyncio.create_task(_ask(Asking({}, base_url=url), view))):
            assert await view.told.get() == "reason.created"
            told = await view.told.get()
            assert told.startswith(f"nothing more from {url} yet: the server at {url} did not answer in time")
            assert told.endswith("; Ctrl-C three times gives up")
            await asyncio.sleep(0.3)
        assert view.told.empty()


async def test_a_server_may_be_silent_for_as_long_as_one_says(monkeypatch):
    monkeypatch.setattr(_config, "STREAM_READ_S", 0.1)
    monkeypatch.setattr(asking, "TIMEOUT", httpx.Timeout(0.1))
    async with server_that_says(HEAD + CREATED, after_s=0.5) as url:
        with pytest.raises(APITimeoutError):
            await _ask(Asking({}, base_url=url), Listening())
        view = Listening()
        async with left(asyncio.create_task(_ask(Asking({}, base_url=url, timeout_s=30.0), view))):
            assert await view.told.get() == "reason.created"


def test_what_the_sdk_calls_a_setting_is_an_option_in_what_is_told():
    failure = APIConnectionError("start one, or say where it is (base_url, ANYTIME_BASE_URL)")
    assert "(--base-url, ANYTIME_BASE_URL)" in no_answer_yet("http://nowhere", failure, begun=True)


async def test_models_are_asked_for_twice_and_no_longer(monkeypatch):
    monkeypatch.setattr(patience, "QUIET_S", 0.01)
    monkeypatch.setattr(asking, "LISTING_TIMEOUT", httpx.Timeout(0.1))
    told = []
    async with server_that_says(b"") as url:
        with pytest.raises(APITimeoutError):
            await _served_models(url, None, told.append)
    assert told == [f"no answer from {url} yet; Ctrl-C gives up"]


def test_all_that_they_may_take_is_a_quarter_of_a_minute():
    assert 2 * patience.LISTING_TIMEOUT.read < 15


async def test_a_third_interrupt_waits_for_no_server():
    async with server_that_says(HEAD + CREATED) as url:
        view = Listening()
        async with left(asyncio.create_task(_ask(Asking({}, base_url=url), view))):
            await view.told.get()
            began = time.monotonic()
    assert time.monotonic() - began < FAREWELL_S


async def test_the_time_is_over_when_it_is_over():
    async with server_that_says(HEAD + CREATED) as url:
        began = time.monotonic()
        outcome = await _ask(Asking({}, within_s=0.2, base_url=url), View())
    assert outcome.late
    assert time.monotonic() - began < FAREWELL_S
