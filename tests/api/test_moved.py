"""A session that goes on in another process is over in this one: nothing of it stays in metrics, logs and traces."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anytime_server.api.metrics import Metrics
from anytime_server.api.session_log import SessionLog
from anytime_server.api.tracing import Tracing
from anytime_server.reasoning import Observers, Reasoner
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask


async def test_a_session_that_has_moved_is_not_in_flight_and_its_spans_have_ended():
    engine, exporter, provider = FakeEngine(scripted(THINKING, ANSWER)), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    metrics, log, spans = Metrics(engine), SessionLog(prompts=True), Tracing(provider).sessions("fake")
    reasoner = Reasoner(engine, fake_format(engine), observer=Observers(metrics, log, spans))
    session = reasoner.submit(ask(budget=12, checkpoints=[]))
    async for entry in session.log.read():
        if entry.type == "thinking.delta":
            break
    assert metrics.registry.get_sample_value("anytime_sessions_in_flight") == 1
    session.move()
    assert metrics.registry.get_sample_value("anytime_sessions_in_flight") == 0
    assert metrics.registry.get_sample_value("anytime_sessions_total") is None
    assert [span.name for span in exporter.get_finished_spans()] == ["leg", "chat fake"]
    assert log._asked == {}


async def test_a_session_that_moves_after_its_end_is_not_counted_twice():
    engine = FakeEngine(scripted(THINKING, ANSWER))
    metrics = Metrics(engine)
    session = Reasoner(engine, fake_format(engine), observer=metrics).submit(ask(budget=12, checkpoints=[]))
    await session.wait()
    session.move()
    assert metrics.registry.get_sample_value("anytime_sessions_in_flight") == 0
