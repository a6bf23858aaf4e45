"""OpenAI's own client, on the fake engine behind a real socket."""

import asyncio
from contextlib import asynccontextmanager

import openai
import pytest

from live import NO_TLS

ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "count"}]}


@pytest.fixture
def connect():
    """Give OpenAI's asynchronous client for a server."""

    @asynccontextmanager
    async def connecting(client, **options):
        url = f"{client.base_url}/v1"
        http = openai.DefaultAsyncHttpxClient(verify=NO_TLS)
        options = {"api_key": "unused", "max_retries": 0, "http_client": http, **options}
        async with openai.AsyncOpenAI(base_url=url, **options) as connected:
            yield connected

    return connecting


@pytest.fixture
def in_thread():
    """Run a function of OpenAI's synchronous client beside the server's event loop."""

    async def run(client, use):
        def work():
            url, http = f"{client.base_url}/v1", openai.DefaultHttpxClient(verify=NO_TLS)
            with openai.OpenAI(base_url=url, api_key="unused", max_retries=0, http_client=http) as connected:
                return use(connected)

        return await asyncio.to_thread(work)

    return run
