import json
import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from anytime_server.api.otel import tracing_from_environment, wanted_exporters
from anytime_server.api.tracing import Tracing

SECRET = "the-question-nobody-should-see"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def traced(served, exporter):
    """Serve with spans kept in `exporter`."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return lambda **settings: served(tracing=Tracing(provider), **settings)


def named(exporter, name):
    return [span for span in exporter.get_finished_spans() if span.name == name]


async def test_a_session_is_a_span_below_its_request(traced, exporter):
    async with traced() as (client, _):
        document = (await client.post("/reason?budget=40", json={"prompt": "x", "seed": 3})).json()
    (server,) = named(exporter, "POST /reason")
    (session,) = named(exporter, "chat fake-model")
    assert server.kind is SpanKind.SERVER
    assert (session.parent.span_id, session.context.trace_id) == (server.context.span_id, server.context.trace_id)
    attributes = dict(session.attributes)
    usage = document["usage"]
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.request.model"] == attributes["gen_ai.response.model"] == "fake-model"
    assert attributes["gen_ai.request.seed"] == 3
    assert attributes["gen_ai.response.id"] == document["id"]
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["gen_ai.usage.input_tokens"] == usage["prompt"]
    assert attributes["gen_ai.usage.output_tokens"] == usage["thinking"] + usage["forced"] + usage["answer"]
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == usage["thinking"]
    assert attributes["anytime.stop_reason"] == document["stop_reason"]
    assert attributes["anytime.budget.spent"] == document["budget"]["spent"]
    assert session.status.status_code is StatusCode.UNSET


async def test_legs_are_child_spans_and_interim_answers_events(traced, exporter):
    async with traced() as (client, _):
        body = {"prompt": "x", "checkpoints": [1, 2], "budget": 20, "stop_when": {"stable": 2}}
        document = (await client.post("/reason", json=body)).json()
    (session,) = named(exporter, "chat fake-model")
    legs = named(exporter, "leg")
    assert document["stop_reason"] == "stable"
    assert [leg.attributes["anytime.leg"] for leg in legs] == [1, 2]
    assert {leg.parent.span_id for leg in legs} == {session.context.span_id}
    assert [event.attributes["anytime.at"] for event in session.events] == [1, 2]
    assert [event.attributes["anytime.stable_for"] for event in session.events] == [1, 2]


async def test_an_event_of_a_stream_is_no_span(traced, exporter):
    async with traced() as (client, _):
        streamed = await client.post("/reason?budget=20", json={"prompt": "x", "stream": True})
        assert "reason.completed" in streamed.text
    assert sorted(span.name for span in exporter.get_finished_spans()) == ["POST /reason", "chat fake-model", "leg"]


async def test_a_failed_session_is_an_error_span(traced, exporter):
    async with traced() as (client, engine):
        engine.dead = True
        await client.post("/reason?budget=4", json={"prompt": "x"})
    (session,) = named(exporter, "chat fake-model")
    assert session.status.status_code is StatusCode.ERROR
    assert session.attributes["error.type"] == "engine_error"


async def test_an_extension_is_a_span_of_its_own(traced, exporter):
    async with traced() as (client, _):
        id = (await client.post("/reason?budget=4", json={"prompt": "x"})).json()["id"]
        await client.post(f"/reason/{id}/extend?budget=%2B4")
        assert (await client.request("GET", f"/reason/{id}/events")).status_code == 200
    first, second = named(exporter, "chat fake-model")
    assert first.context.trace_id != second.context.trace_id
    assert second.attributes["anytime.usage.thinking"] == 4
    assert second.attributes["anytime.budget.spent"] == 8


async def test_no_text_of_anybody_gets_into_a_span(traced, exporter):
    async with traced(thinking="deep; secret; thoughts", answer="hidden answer") as (client, _):
        body = {"prompt": SECRET, "stop": [f"{SECRET}!"], "cue": "a cue:", "budget": 20}
        document = (await client.post("/reason", json=body)).json()
        await client.post(f"/reason?prompt={SECRET}", json=body)
        assert "secret" in document["thinking"]
    spans = exporter.get_finished_spans()
    assert len(spans) == 4
    recorded = "".join(span.to_json() for span in spans)
    for text in (SECRET, "secret", "hidden", "a cue"):
        assert text not in recorded


async def test_probes_are_not_traced(traced, exporter):
    async with traced() as (client, _):
        for path in ("/healthz", "/readyz", "/metrics", "/health", "/ping", "/version"):
            await client.get(path)
    assert exporter.get_finished_spans() == ()


async def test_log_lines_name_the_trace(traced, exporter, caplog):
    from anytime_server.logs import JsonFormatter

    formatted = []
    handler = logging.Handler()
    handler.emit = lambda record: formatted.append(json.loads(JsonFormatter().format(record)))
    logger = logging.getLogger("anytime_server.api.session_log")
    logger.addHandler(handler)
    caplog.set_level(logging.INFO, logger.name)
    try:
        async with traced() as (client, _):
            await client.post("/reason?budget=4", json={"prompt": "x"})
    finally:
        logger.removeHandler(handler)
    (session,) = named(exporter, "chat fake-model")
    assert [line["trace_id"] for line in formatted] == [f"{session.context.trace_id:032x}"]


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["otlp_proto_http"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["otlp_proto_grpc"]),
        ({"OTEL_TRACES_EXPORTER": "console,otlp"}, ["console", "otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, []),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, []),
    ],
)
def test_the_standard_variables_switch_traces_on(environ, names):
    assert wanted_exporters(environ) == names


@pytest.fixture
def otel_environment(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_without_a_variable_there_are_no_traces(otel_environment):
    assert tracing_from_environment() is None


def test_an_exporter_that_nobody_brings_is_one_line_in_the_log(otel_environment, caplog):
    otel_environment("OTEL_TRACES_EXPORTER", "carrier_pigeon")
    assert tracing_from_environment() is None
    assert [record.getMessage() for record in caplog.records] == [
        "no traces to carrier_pigeon: no installed package brings this OpenTelemetry exporter"
    ]


def test_a_missing_package_is_one_line_that_says_what_to_install(otel_environment, caplog, monkeypatch):
    import sys

    otel_environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.delitem(sys.modules, "anytime_server.api.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.fastapi", None)
    assert tracing_from_environment() is None
    (record,) = caplog.records
    assert 'pip install "anytime-reasoning[otel]"' in record.getMessage()
