"""OpenAI's own client, on the fake engine behind a real socket."""

import asyncio
from contextlib import asynccontextmanager

import openai
import pytest

ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "count"}]}


@pytest.fixture
def connect():
    """Give OpenAI's asynchronous client for a server."""

    @asynccontextmanager
    async def connecting(client, **options):
        url = f"{client.base_url}/v1"
        async with openai.AsyncOpenAI(base_url=url, **{"api_key": "unused", "max_retries": 0, **options}) as connected:
            yield connected

    return connecting


@pytest.fixture
def in_thread():
    """Run a function of OpenAI's synchronous client beside the server's event loop."""

    async def run(client, use):
        def work():
            with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="unused", max_retries=0) as connected:
                return use(connected)

        return await asyncio.to_thread(work)

    return run
