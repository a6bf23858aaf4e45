"""OpenTelemetry traces: a server span for each HTTP request, and below it a span for each session.

A session's span has GenAI attributes where the semantic conventions name one, `anytime.*` for the rest, a child span
for each leg and an event for each interim answer. No text of a question, a thinking or an answer gets into a span.
"""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue
from starlette.types import Scope

from anytime_client.protocol import CheckpointAnswer, ReasonDocument, Usage
from anytime_server.api.access import PROBES
from anytime_server.logs import trace_id
from anytime_server.reasoning import Observer, Plan

UNTRACED = ",".join(f"{path}$" for path in sorted(PROBES))


class Tracing:
    """The spans of one app, and the provider that they go to."""

    def __init__(self, provider: TracerProvider) -> None:
        """Send spans to `provider`."""
        self._provider = provider

    @classmethod
    def exporting_to(cls, exporters: Iterable[SpanExporter]) -> "Tracing":
        """Return tracing whose spans go to `exporters` in batches."""
        ours = Resource({"service.name": "anytime", "service.version": version("anytime-reasoning")})
        provider = TracerProvider(resource=Resource.create().merge(ours).merge(OTELResourceDetector().detect()))
        for exporter in exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def instrument(self, app: FastAPI) -> None:
        """Give each request of `app` a server span, probes aside."""
        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=self._provider,
            meter_provider=NoOpMeterProvider(),
            excluded_urls=os.environ.get("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS", UNTRACED),
            server_request_hook=_on_request,
            # Else every event of a stream would be a span.
            exclude_spans=["receive", "send"],
        )

    def sessions(self, model: str) -> "SessionSpans":
        """Return the observer that makes a span of each session with `model`."""
        return SessionSpans(self._provider.get_tracer("anytime_server", version("anytime-reasoning")), model)

    async def close(self) -> None:
        """Send what is left, and end."""
        await asyncio.to_thread(self._provider.shutdown)


def _on_request(span: Span, scope: Scope) -> None:
    """Let the request's log lines name its trace, and keep the query out of the span: it could be a question."""
    if not (span.is_recording() and isinstance(span, ReadableSpan)):
        return
    trace_id.set(format_trace_id(span.get_span_context().trace_id))
    recorded = span.attributes or {}
    for name in ("http.url", "http.target", "url.query"):
        if name in recorded:
            span.set_attribute(name, "" if name == "url.query" else str(recorded[name]).partition("?")[0])


@dataclass(slots=True)
class _Open:
    session: Span
    leg: Span | None = None


class SessionSpans(Observer):
    """An `Observer` that makes spans; a session's parent is the span of the request that started it."""

    def __init__(self, tracer: Tracer, model: str) -> None:
        """Make spans with `tracer`."""
        self._tracer = tracer
        self._model = model
        self._open: dict[str, _Open] = {}

    def started(self, session_id: str, plan: Plan) -> None:
        """See `Observer`."""
        attributes = _known(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anytime",
                "gen_ai.request.model": self._model,
                "gen_ai.request.temperature": plan.sampling.temperature,
                "gen_ai.request.top_p": plan.sampling.top_p,
                "gen_ai.request.top_k": plan.sampling.top_k,
                "gen_ai.request.seed": plan.sampling.seed,
                "gen_ai.request.stream": plan.request.stream,
                "gen_ai.response.id": session_id,
                "gen_ai.response.model": self._model,
            }
        )
        # The kind of a span for a model that runs in the same process.
        span = self._tracer.start_span(f"chat {self._model}", kind=SpanKind.INTERNAL, attributes=attributes)
        self._open[session_id] = _Open(span)

    def leg(self, session_id: str, number: int) -> None:
        """See `Observer`."""
        spans = self._open[session_id]
        if spans.leg is not None:
            spans.leg.end()
        spans.leg = self._tracer.start_span(
            "leg", context=set_span_in_context(spans.session), attributes={"anytime.leg": number}
        )

    def checkpoint(self, session_id: str, answer: CheckpointAnswer) -> None:
        """See `Observer`."""
        measures = answer.model_dump(exclude={"answer", "value"})
        self._open[session_id].session.add_event(
            "checkpoint.answer", _known({f"anytime.{name}": value for name, value in measures.items()})
        )

    def moved(self, session_id: str) -> None:
        """See `Observer`."""
        self._close(session_id).session.end()

    def ended(self, document: ReasonDocument, usage: Usage) -> None:
        """See `Observer`."""
        spans = self._close(document.id)
        spans.session.set_attributes(_outcome(document, usage))
        if document.status == "failed":
            spans.session.set_status(Status(StatusCode.ERROR))
        spans.session.end()

    def _close(self, session_id: str) -> _Open:
        """Return a session's spans, the leg's ended."""
        spans = self._open.pop(session_id)
        if spans.leg is not None:
            spans.leg.end()
        return spans


def _outcome(document: ReasonDocument, usage: Usage) -> dict[str, AttributeValue]:
    first_token_ms = document.timings.first_token_ms
    finish_reason = document.answer.finish_reason if document.answer else None
    return _known(
        {
            "gen_ai.response.finish_reasons": [finish_reason] if finish_reason else None,
            "gen_ai.response.time_to_first_chunk": None if first_token_ms is None else first_token_ms / 1000,
            "gen_ai.usage.input_tokens": usage.prompt,
            "gen_ai.usage.output_tokens": usage.thinking + usage.forced + usage.answer,
            "gen_ai.usage.reasoning.output_tokens": usage.thinking,
            "error.type": document.error.type if document.error else None,
            "anytime.status": document.status,
            "anytime.stop_reason": document.stop_reason,
            **{f"anytime.budget.{name}": value for name, value in document.budget.model_dump().items()},
            **{f"anytime.usage.{name}": value for name, value in usage.model_dump().items()},
            **{f"anytime.timings.{name}": value for name, value in document.timings.model_dump().items()},
        }
    )


def _known(attributes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}
