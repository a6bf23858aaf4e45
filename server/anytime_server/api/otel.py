"""Whether the environment asks for OpenTelemetry traces (its standard `OTEL_*` variables), and where they go."""

import logging
import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from anytime_server.api.tracing import Tracing

logger = logging.getLogger(__name__)

EXPORTERS = "opentelemetry_traces_exporter"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SWITCH = "OTEL_TRACES_EXPORTER"


def tracing_from_environment() -> "Tracing | None":
    """Return tracing as the environment configures it, or None.

    What was asked for and can't be had costs one line in the log: traces are an aid, and serving goes on without.
    """
    wanted = wanted_exporters(os.environ)
    if not wanted:
        return None
    try:
        from anytime_server.api.tracing import Tracing
    except ModuleNotFoundError as error:
        logger.warning(
            'no traces, though OTEL_* variables want them: %s is not installed; pip install "anytime-reasoning[otel]"',
            error.name,
        )
        return None
    exporters = [exporter for name in wanted if (exporter := _load(name)) is not None]
    return Tracing.exporting_to(exporters) if exporters else None


def wanted_exporters(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the exporters asked for, as OpenTelemetry's packages register them."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = [name.strip() for name in environ.get(SWITCH, "").split(",") if name.strip()]
    if not named and any(environ.get(name) for name in ENDPOINTS):
        named = ["otlp"]
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return [otlp if name == "otlp" else name for name in named if name != "none"]


def _load(name: str) -> "SpanExporter | None":
    found = entry_points(group=EXPORTERS, name=name)
    if not found:
        logger.warning("no traces to %s: no installed package brings this OpenTelemetry exporter", name)
        return None
    exporter: SpanExporter = next(iter(found)).load()()
    return exporter
