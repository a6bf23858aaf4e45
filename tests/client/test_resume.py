"""A connection may be cut at any byte: the events that the user sees are those of the uninterrupted stream."""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_client import Anytime, APIConnectionError, AsyncAnytime, SessionLostError
from anytime_client._sse import Decoder
from anytime_client.protocol import EVENT_ADAPTER, TerminalEvent
from client.conftest import TRANSCRIPTS, no_sleep
from client.replay import replaying
from searches import examples


@pytest.fixture(scope="module")
def replay():
    with replaying() as replay:
        yield replay


def expected(transcript):
    return [EVENT_ADAPTER.validate_json(message.data) for message in Decoder().feed(transcript)]


def whole_runs(events):
    return [events[: number + 1] for number, event in enumerate(events) if isinstance(event, TerminalEvent)]


def blocking(url):
    with Anytime(url, sleep=lambda seconds: None) as client, client.stream("q") as stream:
        return list(stream), stream.snapshot


def on_asyncio(url):
    async def read():
        async with AsyncAnytime(url, sleep=no_sleep) as client, client.stream("q") as stream:
            return [event async for event in stream], stream.snapshot

    return asyncio.run(read())


CUTS = st.lists(st.integers(0, 9000), max_size=4)


@pytest.mark.parametrize("read", [blocking, on_asyncio])
@settings(max_examples=examples(40))
@given(name=st.sampled_from(sorted(TRANSCRIPTS)), cuts=CUTS, chunked=st.booleans(), resets=st.booleans())
def test_cuts_are_invisible(replay, read, name, cuts, chunked, resets):
    transcript = TRANSCRIPTS[name]
    replay.load(transcript, cuts, chunked=chunked, resets=resets)
    seen, snapshot = read(replay.url)
    # A cut right behind a run's terminal event looks like the end, though an extension may follow.
    assert seen in whole_runs(expected(transcript))
    assert snapshot.document == seen[-1].document
    keys = {headers["idempotency-key"] for method, _, headers in replay.requests if method == "POST"}
    assert len(keys) == 1


def test_every_cut_of_a_stream_is_taken_up_behind_the_last_whole_event(replay):
    transcript = TRANSCRIPTS["natural"]
    events = expected(transcript)
    for cut in range(0, 4000, 97):
        replay.load(transcript, [cut], chunked=False)
        assert blocking(replay.url)[0] == events
        assert len(replay.requests) <= 2


def test_events_that_come_again_are_seen_once(replay):
    transcript = TRANSCRIPTS["natural"]
    replay.load(transcript, [2500], repeats=3)
    assert blocking(replay.url)[0] == expected(transcript)


def test_a_gap_is_asked_for_again(replay):
    transcript = TRANSCRIPTS["natural"]
    replay.load(transcript)
    del replay.blocks[5]
    with pytest.raises(APIConnectionError, match="event 7 came after event 5"):
        blocking(replay.url)
    assert len(replay.requests) == 6  # the fifth failure in a row is one too many; then the cancel


def test_an_event_that_only_newer_clients_know_is_passed_over(replay):
    transcript = TRANSCRIPTS["natural"]
    newer = b'id: 4\nevent: tool.called\ndata: {"type": "tool.called", "sequence_number": 4}'
    blocks = transcript.split(b"\n\n")
    replay.load(b"\n\n".join([*blocks[:3], newer, *blocks[4:]]), [1800])
    events = expected(transcript)
    assert blocking(replay.url)[0] == [*events[:3], *events[4:]]


@pytest.mark.parametrize("read", [blocking, on_asyncio])
def test_a_server_that_lost_the_session_is_an_error_with_the_best_answer_so_far(replay, read):
    replay.load(TRANSCRIPTS["natural"], [2300], chunked=False, forgets=True)
    with pytest.raises(SessionLostError, match="no longer knows") as failure:
        read(replay.url)
    assert failure.value.best_answer.value == "42"
    assert failure.value.document.status == "running"
    assert failure.value.request_id == "req_1"


def test_a_server_that_stays_away_is_given_up_with_the_best_answer_so_far(replay):
    replay.load(TRANSCRIPTS["natural"], [2300, *[0] * 10])
    with pytest.raises(APIConnectionError) as failure:
        blocking(replay.url)
    assert failure.value.best_answer.value == "42"
    assert len(replay.cuts) == 5  # the stream, four more attempts, and the cancel


class SilentAfter(httpx.SyncByteStream):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        yield self.data
        raise httpx.ReadTimeout("nothing for longer than a heartbeat")


def test_a_peer_that_fell_silent_is_left_for_another_connection():
    transcript = TRANSCRIPTS["natural"]
    streams = [SilentAfter(transcript[:1500]), httpx.ByteStream(transcript)]
    asked = []

    def answer(request):
        asked.append((request.method, request.headers.get("Last-Event-ID")))
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=streams.pop(0))

    transport = httpx.MockTransport(answer)
    client = Anytime("http://server", transport=transport, sleep=lambda seconds: None)
    with client, client.stream("q") as stream:
        assert list(stream) == expected(transcript)
    assert asked == [("POST", None), ("GET", "9")]


def test_an_interrupted_iteration_goes_on_behind_the_last_event(replay):
    transcript = TRANSCRIPTS["natural"]
    replay.load(transcript, [1500], chunked=False)
    interrupts = iter([KeyboardInterrupt()])

    def sleep(seconds):
        raise next(interrupts, None) or AssertionError("slept twice")

    with Anytime(replay.url, sleep=sleep) as client, client.stream("q") as stream:
        seen = []
        with pytest.raises(KeyboardInterrupt):
            for event in stream:
                seen.append(event)
        assert 0 < len(seen) < len(expected(transcript))
        seen += list(stream)
    assert seen == expected(transcript)


class NeverBegins(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response whose head is there; who waits for its first event is interrupted."""

    def __init__(self):
        self.closed = False

    def __iter__(self):
        yield b": heartbeat\n\n"
        raise KeyboardInterrupt

    async def __aiter__(self):
        yield b": heartbeat\n\n"
        await asyncio.sleep(60)

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


def never_begins():
    response = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=(stream := NeverBegins()))
    return httpx.MockTransport(lambda request: response), stream


def test_an_interrupt_before_the_first_event_closes_the_connection():
    transport, stream = never_begins()
    with Anytime("http://server", transport=transport) as client:
        with pytest.raises(KeyboardInterrupt), client.stream("q"):
            pass
        assert stream.closed


async def test_a_task_cancelled_before_the_first_event_closes_the_connection():
    transport, stream = never_begins()
    async with AsyncAnytime("http://server", transport=transport) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), client.stream("q"):
                pass
        assert stream.closed
