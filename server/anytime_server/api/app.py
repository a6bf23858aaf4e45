"""The FastAPI application."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from anytime_server import playground
from anytime_server.api import errors, health, openapi, routes, tokens
from anytime_server.api.access import AccessControl
from anytime_server.api.access_log import AccessLog
from anytime_server.api.metrics import Metrics
from anytime_server.api.middleware import BodyLimit, RequestId, TellUnexpected
from anytime_server.api.openai import routes as openai_routes
from anytime_server.api.openai.tools import choose
from anytime_server.api.session_log import SessionLog
from anytime_server.api.settings import ServerSettings
from anytime_server.controller import ThinkingFormat, check_format_name, thinks
from anytime_server.engines import Engine
from anytime_server.reasoning import Observers, Reasoner, ReasonSettings
from anytime_server.reasoning.plans.calibrated import check_calibration
from anytime_server.reasoning.stores import MemoryStore, Store

if TYPE_CHECKING:
    from anytime_server.api.tracing import Tracing


logger = logging.getLogger(__name__)

NEVER_THINKS = (
    "the chat template of %s never opens the thinking: a model that does not think spends whole budgets on it; "
    "serve a model that thinks"
)


def create_app(
    engine: Engine,
    settings: ReasonSettings | None = None,
    server: ServerSettings | None = None,
    *,
    thinking_format: str | ThinkingFormat = "auto",
    tracing: "Tracing | None" = None,
    store: Store | None = None,
) -> FastAPI:
    """Return the app that serves `engine`; the app starts and stops it.

    Args:
        engine: not started yet.
        settings: of sessions.
        server: access and limits.
        thinking_format: a format, a preset's name, or `auto`.
        tracing: where spans go; None makes none.
        store: where sessions are kept; None keeps them in this process.

    Raises:
        FormatError: if no preset has that name.
    """
    if isinstance(thinking_format, str):
        check_format_name(thinking_format)
    settings, server = settings or ReasonSettings(), server or ServerSettings()
    app = FastAPIOffline(
        title="Anytime",
        version=version("anytime-reasoning"),
        summary="Stop a reasoning model when its answer stops changing, and never come back empty-handed",
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        generate_unique_id_function=openapi.operation_id,
        lifespan=partial(_lifespan, engine, settings, server, thinking_format, tracing, store or MemoryStore()),
        servers=openapi.SERVERS,
        # A redirect names the address that this server is reached at: not that of a proxy before it, nor its scheme.
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        static_url=f"/{openapi.ASSETS}",
    )
    app.state.created = int(time.time())
    app.state.engine = engine
    app.state.effort = server.effort
    openapi.install(app)
    openapi.add_page(app)
    errors.install(app)
    _add_middleware(app, server)
    app.router.routes.extend(_routes())
    playground.install(app)
    if tracing:
        tracing.instrument(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The API's routes. They keep no state, so apps share them: FastAPI takes some 30 ms to make them."""
    router = APIRouter(generate_unique_id_function=openapi.operation_id)
    for part in (routes, openai_routes, tokens, health):
        router.include_router(part.router)
    return router.routes


@asynccontextmanager
async def _lifespan(
    engine: Engine,
    settings: ReasonSettings,
    server: ServerSettings,
    thinking_format: str | ThinkingFormat,
    tracing: "Tracing | None",
    store: Store,
    app: FastAPI,
) -> AsyncIterator[None]:
    """Start the engine and the reasoner over it; at the end let sessions finish, and stop the engine."""
    async with AsyncExitStack() as stopping:
        if tracing:
            stopping.push_async_callback(tracing.close)
        stopping.push_async_callback(engine.stop)
        stopping.push_async_callback(store.stop)
        await store.reach()
        await engine.start()
        format = thinking_format
        if isinstance(format, str):
            format = ThinkingFormat.resolve(engine.tokenizer, format)
        if settings.calibration is not None:
            check_calibration(settings.calibration, (engine.model, *settings.aliases), format.markers)
        if not thinks(engine.tokenizer, format.markers):
            logger.warning(NEVER_THINKS, engine.model)
        tokenizer = engine.tokenizer
        app.state.tool_form = choose(
            tokenizer.chat_template, format.markers, tokenizer.is_token, server.tool_call_parser
        )
        app.state.metrics = Metrics(engine)
        log = SessionLog(prompts=server.log_prompts)
        spans = [tracing.sessions(engine.model)] if tracing else []
        settings = replace(settings, keep_prompts=server.log_prompts)
        reasoner = Reasoner(engine, format, settings, Observers(app.state.metrics, log, *spans), store)
        app.state.metrics.watch(reasoner, store)
        await reasoner.start()
        app.state.reasoner = reasoner
        yield
        await reasoner.drain(server.drain_s)


def _add_middleware(app: FastAPI, server: ServerSettings) -> None:
    """Add what every request passes through, the innermost first."""
    app.add_middleware(TellUnexpected)
    app.add_middleware(BodyLimit, max_bytes=server.max_body_bytes)
    app.add_middleware(AccessControl, settings=server)
    if server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            # There are no cookies to protect, and SDKs send headers of their own.
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "X-Anytime-Session", "X-Should-Retry", "Retry-After"],
        )
    app.add_middleware(AccessLog)
    app.add_middleware(RequestId)
