"""What the SDK's tests share: recorded streams, a scripted network, and both clients behind one face."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from anytime_client import Anytime, AsyncAnytime
from api.conftest import served as served

TRANSCRIPTS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "transcripts").glob("*.sse"))}
END = object()


class Awaited:
    """A blocking client whose methods are awaited, so that one test serves both kinds."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        return lambda *args, **fields: asyncio.to_thread(getattr(self.client, name), *args, **fields)

    def stream(self, *args, **fields):
        return AwaitedStream(self.client.stream(*args, **fields))

    def attach(self, *args, **fields):
        return AwaitedStream(self.client.attach(*args, **fields))


class AwaitedStream:
    METHODS = ("until_done", "answer_now", "extend", "cancel")

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        value = getattr(self.stream, name)
        return partial(asyncio.to_thread, value) if name in self.METHODS else value

    async def __aenter__(self):
        await asyncio.to_thread(self.stream.__enter__)
        return self

    async def __aexit__(self, *error):
        await asyncio.to_thread(self.stream.__exit__, *error)

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await asyncio.to_thread(next, self.stream, END)
        if event is END:
            raise StopAsyncIteration
        return event


async def no_sleep(seconds):
    pass


@pytest.fixture(params=["blocking", "asyncio"])
def connect(request):
    """Give a client of either kind: `async with connect(url) as client`; `patient=False` takes out its back-off."""

    @asynccontextmanager
    async def connect(url, *, patient=True, **options):
        url = str(getattr(url, "base_url", url))
        if request.param == "asyncio":
            options |= {} if patient else {"sleep": no_sleep}
            async with AsyncAnytime(url, **options) as client:
                yield client
        else:
            options |= {} if patient else {"sleep": lambda seconds: None}
            with Anytime(url, **options) as client:
                yield Awaited(client)

    return connect
