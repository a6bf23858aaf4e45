"""How a server draws, told from what it draws."""

from dataclasses import replace

import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from anytime_server.api import ServerSettings
from anytime_server.controller import mix
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.draws import draws_by_position
from anytime_server.engines.remote.inspection import SAMPLE
from anytime_server.engines.remote.upstream import Upstream
from anytime_server.worker.app import create_worker
from engines.remote.conftest import remote
from fakes import ByteTokenizer, FakeEngine
from live import serve

PROMPT = ByteTokenizer().encode(SAMPLE)
SURE = 15


def by_position(ids, sample):
    """Noise as vLLM's V2 model runner draws it."""
    return [mix(20, len(ids)) % 200 + 32]


class Unsure(FakeEngine):
    """A model to which every token is unlikely."""

    logprob = -5.0


class Replaying(Unsure):
    """Draws the same noise in each request, as vLLM's V1 model runner does.

    The first tokens after a prompt come out the same for all that, and are likely.
    """

    def __init__(self):
        super().__init__(self._draw, max_model_len=512)

    def _draw(self, ids, sample):
        return [mix(20, len(ids) if self._is_sure(ids) else len(ids) - self.begun) % 200 + 32]

    def _is_sure(self, ids):
        return len(ids) < len(PROMPT) + SURE

    async def _generate(self, request):
        self.begun, length = len(request.input_ids), len(request.input_ids)
        async for chunk in super()._generate(request):
            yield replace(chunk, logprobs=(-0.01,)) if self._is_sure(range(length)) else chunk
            length += 1


def as_vllm(engine):
    """A worker that tells no more of itself than vLLM's server does."""
    app = create_worker(engine, ServerSettings())

    async def models(request):
        return JSONResponse({"data": [{"id": "fake-model", "max_model_len": 512}]})

    app.router.routes[:0] = [Route("/v1/models", models), Route("/metrics", lambda request: JSONResponse({}))]
    return app


ENGINES = [(lambda: Unsure(by_position, max_model_len=512), True), (Replaying, False)]


@pytest.mark.parametrize(("engine", "expected"), ENGINES)
async def test_a_server_shows_how_it_draws(engine, expected):
    async with serve(as_vllm(engine())) as client:
        url = str(client.base_url).rstrip("/")
        upstream = Upstream(url, RemoteConfig.of([url], {}), on_failure=lambda lost: None)
        assert await draws_by_position(upstream, ByteTokenizer(), SAMPLE, 10) is expected
        await upstream.close()


async def test_a_server_that_is_too_busy_shows_nothing():
    engine = FakeEngine(by_position, max_model_len=512, pause_s=3600)
    async with serve(as_vllm(engine)) as client:
        url = str(client.base_url).rstrip("/")
        upstream = Upstream(url, RemoteConfig.of([url], {}), on_failure=lambda lost: None)
        assert await draws_by_position(upstream, ByteTokenizer(), SAMPLE, 0.1) is None
        await upstream.close()


@pytest.mark.parametrize(("engine", "expected"), ENGINES)
@pytest.mark.parametrize("given", [None, True, False])
async def test_the_engine_goes_by_what_it_is_told_or_else_by_what_is_shown(engine, expected, given):
    options = {} if given is None else {"draws_by_position": given}
    async with serve(as_vllm(engine())) as client:
        ours = remote(str(client.base_url), **options)
        await ours.start()
        (upstream,) = ours._servers._all
        assert upstream.draws_by_position is (expected if given is None else given)
        await ours.stop()
