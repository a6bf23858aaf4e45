"""Liveness, readiness and metrics."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from anytime_server.api.metrics import Metrics
from anytime_server.api.routes import reasoner_of
from anytime_server.errors import Unavailable

router = APIRouter(tags=["operations"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """Whether new sessions would be served: the engine is up and the server is not going down."""
    reasoner = reasoner_of(request)
    if reasoner.draining:
        raise Unavailable("the server is going down")
    await reasoner.engine.check_health()
    return {"status": "ready", "model": reasoner.engine.model, "engine": reasoner.engine.name}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    counted: Metrics = request.app.state.metrics
    return Response(generate_latest(counted.registry), media_type=CONTENT_TYPE_LATEST)
