"""Prometheus metrics of sessions and of the engine."""

from collections.abc import Iterator
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily

from anytime_client.protocol import CheckpointAnswer, ReasonDocument, Usage
from anytime_server.engines import Engine
from anytime_server.reasoning import Observer, Plan, Reasoner
from anytime_server.reasoning.stores import Store
from anytime_server.reasoning.surroundings.observer import REFUSALS, Refusal

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics(Observer):
    """An `Observer` that counts; one per app, with a registry of its own."""

    def __init__(self, engine: Engine) -> None:
        """Count for sessions on `engine`."""
        self.registry = CollectorRegistry()
        registry = self.registry
        self._sessions = Counter(
            "anytime_sessions", "Sessions ended, by outcome", ["status", "stop_reason"], registry=registry
        )
        self._refused = Counter(
            "anytime_sessions_refused", "Sessions refused, by reason", ["reason"], registry=registry
        )
        for reason in REFUSALS:
            # Shown from the start: a rate has to begin at 0.
            self._refused.labels(reason)
        self._in_flight = Gauge("anytime_sessions_in_flight", "Sessions running", registry=registry)
        self._tokens = Counter("anytime_tokens", "Tokens generated, by role", ["role"], registry=registry)
        self._prompt_tokens = Counter(
            "anytime_prompt_tokens", "Prompt tokens of trunks and branches, by source", ["source"], registry=registry
        )
        self._branch_tokens = Counter(
            "anytime_branch_prompt_tokens", "Prompt tokens of branches, by source", ["source"], registry=registry
        )
        self._first_answer = Histogram(
            "anytime_first_answer_seconds", "Time to the first answer", buckets=SECONDS, registry=registry
        )
        self._duration = Histogram(
            "anytime_session_seconds", "Time from admission to the end", buckets=SECONDS, registry=registry
        )
        self._engine_gauges(engine)

    def _engine_gauges(self, engine: Engine) -> None:
        requests = Gauge("anytime_engine_requests", "Requests in the engine", ["state"], registry=self.registry)
        requests.labels("running").set_function(lambda: engine.load().running)
        requests.labels("waiting").set_function(lambda: engine.load().waiting)
        cache = Gauge("anytime_engine_kv_in_use_ratio", "Share of KV blocks in use", registry=self.registry)
        cache.set_function(lambda: engine.load().kv_in_use)
        self.registry.register(_Restarts(engine))

    def watch(self, reasoner: Reasoner, store: Store) -> None:
        """Show how full the server is that this reasoner serves, and what becomes of its sessions in the store."""
        gauge = Gauge("anytime_pressure", "How full the server is: 0 idle, 1 full", registry=self.registry)
        gauge.set_function(lambda: reasoner.pressure)
        scale = Gauge("anytime_load_scale", "Share of budgets granted above their floors", registry=self.registry)
        scale.set_function(lambda: reasoner.scale)
        backlog = Gauge("anytime_store_backlog", "Events that the store does not have yet", registry=self.registry)
        backlog.set_function(lambda: store.backlog)
        self.registry.register(_StoreCounts(store))

    def started(self, session_id: str, plan: Plan) -> None:
        """See `Observer`."""
        self._in_flight.inc()

    def refused(self, reason: Refusal) -> None:
        """See `Observer`."""
        self._refused.labels(reason).inc()

    def checkpoint(self, session_id: str, answer: CheckpointAnswer) -> None:
        """See `Observer`."""
        self._branch_tokens.labels("cached").inc(answer.cached_tokens)
        self._branch_tokens.labels("computed").inc(answer.computed_tokens)

    def moved(self, session_id: str) -> None:
        """See `Observer`."""
        self._in_flight.dec()

    def ended(self, document: ReasonDocument, usage: Usage) -> None:
        """See `Observer`."""
        self._in_flight.dec()
        self._sessions.labels(document.status, document.stop_reason or "none").inc()
        for role in ("thinking", "forced", "answer", "interim", "discarded"):
            self._tokens.labels(role).inc(getattr(usage, role))
        for source in ("cached", "computed"):
            self._prompt_tokens.labels(source).inc(getattr(usage, source))
        if usage != document.usage:
            return  # an extension: the document's times reach back to the first run
        if document.timings.first_answer_ms is not None:
            self._first_answer.observe(document.timings.first_answer_ms / 1000)
        if document.timings.total_ms is not None:
            self._duration.observe(document.timings.total_ms / 1000)


class _StoreCounts:
    """Counters that the store keeps itself."""

    HELP: ClassVar = {
        "written": "Events that became durable",
        "writes": "Calls that made events durable",
        "takeovers": "Sessions of other servers that this one went on with",
        "fenced": "Sessions that another server went on with while this one ran them",
        "outages": "Times that the store could not be reached for longer than readers wait",
    }

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give what a scrape shows."""
        counts = self._store.counts
        for name, help in self.HELP.items():
            yield CounterMetricFamily(f"anytime_store_{name}", help, value=getattr(counts, name))


class _Restarts:
    """A counter that the engine keeps itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give what a scrape shows."""
        help = "Times that the engine was started again after it had died or hung"
        yield CounterMetricFamily("anytime_engine_restarts", help, value=self._engine.restarts)
