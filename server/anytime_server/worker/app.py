"""The worker's application: what the remote engine asks of vLLM's server, and nothing else."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from anytime_server.api import ServerSettings, errors
from anytime_server.api.access import AccessControl
from anytime_server.api.access_log import AccessLog
from anytime_server.api.middleware import BodyLimit, RequestId
from anytime_server.controller import sentence_end_ids
from anytime_server.engines import Engine
from anytime_server.engines.remote.body import ROUTE
from anytime_server.errors import EngineError, Unavailable
from anytime_server.worker.request import GenerateRequest, Reader
from anytime_server.worker.stream import TokenStream

RETRY_AFTER_S = 1


class TokenizeRequest(BaseModel):
    """A text."""

    prompt: str = Field(max_length=2**20)
    add_special_tokens: bool = True


def create_worker(engine: Engine, settings: ServerSettings) -> FastAPI:
    """Return the application that serves `engine`; it starts and stops it."""
    app = FastAPI(
        title="Anytime worker", openapi_url=None, docs_url=None, redoc_url=None, lifespan=partial(_lifespan, engine)
    )
    app.state.engine = engine
    errors.install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(AccessControl, settings=settings)
    app.add_middleware(AccessLog)
    app.add_middleware(RequestId)
    app.add_api_route(ROUTE, generate, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", models, methods=["GET"])
    app.add_api_route("/tokenize", tokenize, methods=["POST"])
    app.add_api_route("/health", health, methods=["GET"], response_class=Response)
    app.add_api_route("/load", load, methods=["GET"])
    app.add_api_route("/version", server_version, methods=["GET"])
    return app


@asynccontextmanager
async def _lifespan(engine: Engine, app: FastAPI) -> AsyncIterator[None]:
    try:
        await engine.start()
        app.state.reader = Reader(engine, sentence_end_ids(engine.tokenizer))
        yield
    finally:
        await engine.stop()


async def generate(body: GenerateRequest, request: Request) -> Response:
    """Go on from token ids, as a stream of token ids."""
    engine: Engine = request.app.state.engine
    await _check_up(engine)
    reader: Reader = request.app.state.reader
    # Two clients may use the same id.
    id = f"{body.request_id}-{secrets.token_hex(4)}"
    return TokenStream(engine, reader.read(body, id, request.headers.get("x-session-id", "")))


async def models(request: Request) -> dict[str, Any]:
    """Tell the model, and under `anytime` what vLLM tells in its metrics, or not at all."""
    engine: Engine = request.app.state.engine
    about = {
        "block_size": engine.limits.block_size,
        "plain_from": engine.plain_from,
        "unsupported": dict(engine.unsupported),
    }
    card = {"id": engine.model, "object": "model", "owned_by": "anytime", "created": int(time.time())}
    return {"object": "list", "data": [{**card, "max_model_len": engine.limits.max_model_len, "anytime": about}]}


async def tokenize(body: TokenizeRequest, request: Request) -> dict[str, Any]:
    """Tell a text's token ids, so that a tokenizer can be compared."""
    engine: Engine = request.app.state.engine
    encode = engine.tokenizer.encode_whole if body.add_special_tokens else engine.tokenizer.encode
    ids = encode(body.prompt)
    return {"count": len(ids), "max_model_len": engine.limits.max_model_len, "tokens": ids}


async def health(request: Request) -> Response:
    """Whether the engine is up; no body."""
    await _check_up(request.app.state.engine)
    return Response()


async def load(request: Request) -> dict[str, int]:
    """Tell how many requests the engine has, running and waiting, as vLLM's server tells its own."""
    told = request.app.state.engine.load()
    return {"server_load": told.running + told.waiting}


async def server_version() -> dict[str, str]:
    """Tell the worker's version."""
    return {"version": version("anytime-reasoning")}


async def _check_up(engine: Engine) -> None:
    try:
        await engine.check_health()
    except EngineError as error:
        raise Unavailable(error.message, retry_after=RETRY_AFTER_S) from error
