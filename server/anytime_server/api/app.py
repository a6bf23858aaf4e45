"""The FastAPI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from anytime_server import playground
from anytime_server.api import errors, health, routes
from anytime_server.api.metrics import Metrics
from anytime_server.api.middleware import BodyLimit, RequestId
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Engine
from anytime_server.reasoning import Reasoner, ReasonSettings

MAX_BODY_BYTES = 4 * 2**20
DRAIN_S = 30.0


def create_app(
    engine: Engine,
    settings: ReasonSettings | None = None,
    *,
    thinking_format: str | ThinkingFormat = "auto",
    max_body_bytes: int = MAX_BODY_BYTES,
    drain_s: float = DRAIN_S,
) -> FastAPI:
    """Return the app that serves `engine`; the app starts and stops it.

    Args:
        engine: not started yet.
        settings: of sessions.
        thinking_format: a format, a preset's name, or `auto`.
        max_body_bytes: larger bodies are refused.
        drain_s: seconds that sessions get to end when the app shuts down.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await engine.start()
            format = thinking_format
            if isinstance(format, str):
                format = ThinkingFormat.resolve(engine.tokenizer, format)
            app.state.metrics = Metrics(engine)
            app.state.reasoner = Reasoner(engine, format, settings, app.state.metrics)
            yield
            await app.state.reasoner.drain(drain_s)
        finally:
            await engine.stop()

    app = FastAPIOffline(
        title="Anytime",
        version=version("anytime-reasoning"),
        summary="Serve reasoning models so that an answer is available at any time",
        lifespan=lifespan,
        redoc_url=None,
        favicon_url="playground/icon.svg",
    )
    errors.install(app)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(RequestId)
    app.include_router(routes.router)
    app.include_router(health.router)
    playground.install(app)
    return app
