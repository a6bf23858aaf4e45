"""What answers of one server mean, and what is made of what vLLM tells of itself."""

import asyncio

import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from anytime_client.protocol import StructuredOutputs
from anytime_server.api import ServerSettings
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.inspection import describe
from anytime_server.engines.remote.upstream import Refused, Upstream
from anytime_server.errors import EngineDied, EngineError, InvalidRequest, Overloaded
from anytime_server.worker.app import create_worker
from engines.remote.conftest import fake, remote
from engines.remote.test_engine import generate, request, tokens_of
from live import serve


def metrics_of(caching):
    """Those of two ranks, as vLLM writes them."""
    labels = f'block_size="32",cache_dtype="auto",enable_prefix_caching="{caching}"'
    return "".join(f'vllm:cache_config_info{{{labels},engine="{rank}"}} 1.0\n' for rank in range(2))


@pytest.fixture
async def answering():
    """A server that answers the route with one status, once it has been told which."""
    app = FastAPI()
    app.state.answer = lambda: JSONResponse({}, 500)

    async def route(request):
        return app.state.answer()

    app.router.routes.append(Route("/inference/v1/generate", route, methods=["POST"]))
    async with serve(app) as client:
        lost = []
        upstream = Upstream(str(client.base_url).rstrip("/"), RemoteConfig.of([str(client.base_url)], {}), lost.append)
        yield upstream, app.state, lost
        await upstream.close()


@pytest.mark.parametrize(
    ("answer", "kind", "message", "opens"),
    [
        (JSONResponse({"error": {"message": "too long"}}, 400), InvalidRequest, "too long", False),
        (JSONResponse({"detail": "no"}, 422), InvalidRequest, "no", False),
        (JSONResponse({"error": "Unauthorized"}, 401), EngineError, "wants an API key", False),
        (
            JSONResponse({"error": {"message": "disabled"}}, 403),
            EngineError,
            "disabled; start it with --enable-s",
            False,
        ),
        (JSONResponse({"detail": "Not Found"}, 404), EngineError, "has no /inference/v1/generate", False),
        (PlainTextResponse("teapot", 418), EngineError, "418: teapot", False),
        (JSONResponse({"error": {"message": "busy"}}, 429, {"Retry-After": "7"}), Refused, "is busy", False),
        (JSONResponse({"error": {"message": "starting"}}, 503, {"Retry-After": "7"}), Refused, "starting", True),
        (JSONResponse({"error": {"message": "core died"}}, 500), EngineDied, "500: core died", True),
        (PlainTextResponse("bad gateway", 502), EngineDied, "502: bad gateway", True),
    ],
)
async def test_an_answer_that_is_no_stream_has_its_meaning(answering, answer, kind, message, opens):
    upstream, state, lost = answering
    state.answer = lambda: answer
    with pytest.raises(kind, match=message) as raised:
        async for _ in upstream.generate(b"{}", {}):
            pass
    assert type(raised.value) is kind
    assert upstream.up is not opens
    assert lost == ([upstream] if opens else [])
    if answer.status_code == 503:
        assert upstream.breaker.remaining_s > 6
    if answer.status_code == 429:
        assert raised.value.retry_after == 7


async def test_servers_that_are_all_busy_say_when_to_come_again(worker, started, monkeypatch):
    engine = await started(await worker(fake()))

    async def busy(self, body, headers):
        raise Refused("it is busy", retry_after=3)
        yield b""

    monkeypatch.setattr(Upstream, "generate", busy)
    with pytest.raises(Overloaded, match="busy") as raised:
        await generate(engine, request(engine))
    assert raised.value.retry_after == 3
    await engine.check_health()


@pytest.fixture
async def like_vllm():
    """A worker that tells of itself what vLLM does, and the headers that came."""
    app, seen, metrics = create_worker(fake(), ServerSettings()), [], {"text": metrics_of("True")}

    async def models(request):
        return JSONResponse({"data": [{"id": "fake-model", "max_model_len": 300}]})

    async def told(request):
        return PlainTextResponse(metrics["text"])

    class Noting:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http" and scope["path"].endswith("generate"):
                seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
            await self.app(scope, receive, send)

    app.router.routes[:0] = [Route("/v1/models", models), Route("/metrics", told)]
    app.add_middleware(Noting)
    async with serve(app) as client:
        yield str(client.base_url), seen, metrics


async def test_sizes_and_ranks_are_read_from_vllm_s_metrics(like_vllm, started):
    url, _, _ = like_vllm
    engine = await started(url)
    assert (engine.limits.max_model_len, engine.limits.block_size, engine.plain_from) == (300, 32, 32)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, (16, 1, 32)),
        ("", {"block_size": 64, "data_parallel_size": 4}, (64, 4, 32)),
        (metrics_of("False"), {}, (32, 2, None)),
    ],
)
async def test_what_metrics_do_not_tell_can_be_given(like_vllm, text, options, expected):
    url, _, metrics = like_vllm
    metrics["text"] = text
    config = RemoteConfig.of([url], options)
    upstream = Upstream(config.urls[0], config, on_failure=lambda lost: None)
    told = await describe(upstream, config)
    assert (told.block_size, told.ranks, told.plain_from) == expected
    await upstream.close()


async def test_a_session_is_pinned_to_one_rank_and_named_to_the_server(like_vllm, started):
    url, seen, _ = like_vllm
    engine = await started(url)
    seen.clear()
    for leg in range(3):
        assert tokens_of(await generate(engine, request(engine, id=f"s.{leg}", session_id="s")))
    assert len({headers["x-data-parallel-rank"] for headers in seen}) == 1
    assert {headers["x-session-id"] for headers in seen} == {"s"}


async def test_a_grammar_is_tried_on_a_server_before_a_session_begins(like_vllm, started):
    url, seen, _ = like_vllm
    engine = await started(url)
    seen.clear()
    for _ in range(2):
        await asyncio.to_thread(engine.check_structured, StructuredOutputs(regex="[0-9]"))
    assert len(seen) == 1
    unreachable = remote("http://127.0.0.1:9")
    with pytest.raises(EngineError, match="not running"):
        unreachable.check_structured(StructuredOutputs(regex="x"))
    await unreachable.stop()
