"""Workers on the fake engine, in the tests' own event loop."""

from contextlib import AsyncExitStack

import pytest

from anytime_server.api import ServerSettings
from anytime_server.engines import Sampling
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.engine import RemoteEngine
from anytime_server.worker.app import create_worker
from fakes import ByteTokenizer, FakeEngine, scripted
from live import serve

CONTEXT = 512
THINKING = "".join(f"{step}: {step * step}; " for step in range(60))


def byte_files(source):
    return ByteTokenizer(), Sampling(temperature=0.0)


def fake(**options):
    return FakeEngine(scripted(THINKING, "There are many.\nAnswer: 60"), **{"max_model_len": CONTEXT, **options})


def remote(*urls, api_key=None, stall_s=120.0, **options):
    config = RemoteConfig.of([str(url) for url in urls], options, api_key, stall_s=stall_s)
    return RemoteEngine("bytes", config, load=byte_files)


@pytest.fixture
async def worker():
    """Start a worker on an engine, and give its address; all of them end with the test."""
    async with AsyncExitStack() as running:

        async def start(engine, **settings):
            client = await running.enter_async_context(serve(create_worker(engine, ServerSettings(**settings))))
            return str(client.base_url).rstrip("/")

        yield start


@pytest.fixture
async def started():
    """Start a remote engine; all of them stop with the test."""
    async with AsyncExitStack() as running:

        async def start(*urls, **options):
            engine = remote(*urls, **options)
            running.push_async_callback(engine.stop)
            await engine.start()
            return engine

        yield start
