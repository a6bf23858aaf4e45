"""Liveness, readiness and metrics, under our names and under those of vLLM's server and of SageMaker."""

from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from anytime_server.api import openapi
from anytime_server.api.metrics import Metrics
from anytime_server.api.reading import reasoner_of
from anytime_server.errors import Draining

router = APIRouter(tags=["operations"])

METRICS_EXAMPLE = (
    'anytime_sessions_total{status="completed",stop_reason="budget"} 3.0\nanytime_sessions_in_flight 1.0\n'
)


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(default="ok", description="always ok")


class Readiness(BaseModel):
    """New sessions are served, by this model on this engine."""

    status: Literal["ready"] = Field(default="ready", description="always ready; else the response is a 503")
    model: str = Field(description="the served model's name")
    engine: str = Field(description="vllm, transformers or remote")


class ServerVersion(BaseModel):
    """The server's version."""

    version: str = Field(description="of Anytime")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", responses={200: openapi.example(Health())})
async def healthz() -> Health:
    """Whether the process answers."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    responses={200: openapi.example(Readiness(model="anytime-tiny", engine="transformers")), **openapi.errors(503)},
)
async def readyz(request: Request) -> Readiness:
    """Whether new sessions would be served: the engine is up and the server is not going down."""
    reasoner = reasoner_of(request)
    if reasoner.draining:
        raise Draining("the server is draining: it is going down")
    await reasoner.engine.check_health()
    return Readiness(model=reasoner.engine.model, engine=reasoner.engine.name)


HEALTHY: dict[int | str, dict[str, Any]] = {200: {"description": "the engine is up; no body", "content": {}}}


@router.head("/health", include_in_schema=False)
@router.get("/health", response_class=Response, responses={**HEALTHY, **openapi.errors(503)})
async def health(request: Request) -> Response:
    """Whether the engine is up, as vLLM's server tells it. A server that is going down is healthy until it is down."""
    await reasoner_of(request).engine.check_health()
    return Response()


@router.get("/ping", response_class=Response, responses={**HEALTHY, **openapi.errors(503)})
async def ping(request: Request) -> Response:
    """Whether the engine is up, as SageMaker asks for it."""
    return await health(request)


@router.post("/ping", response_class=Response, responses={**HEALTHY, **openapi.errors(503)})
async def ping_by_post(request: Request) -> Response:
    """Do as `GET /ping` does."""
    return await health(request)


@router.get("/version", responses={200: openapi.example(ServerVersion(version="0.9.0"))})
async def server_version() -> ServerVersion:
    """Tell the server's version."""
    return ServerVersion(version=version("anytime-reasoning"))


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "counters, gauges and histograms in Prometheus' text format",
            "content": {"text/plain": {"example": METRICS_EXAMPLE}},
        }
    },
)
async def metrics(request: Request) -> PlainTextResponse:
    """Prometheus metrics, and the engine's own where it keeps any."""
    counted: Metrics = request.app.state.metrics
    registries = [counted.registry, *reasoner_of(request).engine.registries]
    text = b"".join(generate_latest(registry) for registry in registries)
    return PlainTextResponse(text, media_type=CONTENT_TYPE_LATEST)
