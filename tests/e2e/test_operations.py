"""The real command as operators run it: keys, JSON logs and traces, by environment variables alone."""

import json
import signal
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processes import forked, wait_until_ready

KEY = "a-key-of-the-operations-test"
SECRET = "smallest of 45+8, 7*6"


@contextmanager
def collector():
    """Receive OTLP over HTTP; give the port and the list of spans."""
    spans = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                service = {item.key: item.value.string_value for item in resource.resource.attributes}["service.name"]
                spans.extend((service, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, spans
        server.shutdown()


def test_a_server_set_up_by_its_environment(forks):
    with collector() as (collector_port, spans):
        environment = {
            "ANYTIME_HOST": "0.0.0.0",
            "ANYTIME_API_KEYS": f"some-other-key-0123456789,{KEY}",
            "ANYTIME_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector_port}",
            "OTEL_SERVICE_NAME": "tested",
        }
        with forked(forks, **environment) as (process, client):
            wait_until_ready(process, client)
            body = {"prompt": SECRET, "budget": 60}
            assert client.post("/reason", json=body).status_code == 401
            headers = {"Authorization": f"Bearer {KEY}", "X-Request-Id": "mine"}
            document = client.post("/reason", json=body, headers=headers).json()
            assert document["status"] == "completed"
            process.send_signal(signal.SIGTERM)
            written = process.communicate(timeout=60)[0]
    lines = [json.loads(line) for line in written.splitlines()]
    requests = [(line["path"], line["status"]) for line in lines if line["message"] == "request"]
    assert requests == [("/reason", 401), ("/reason", 200)]
    (session,) = [line for line in lines if line["message"] == "session ended"]
    assert (session["session_id"], session["request_id"]) == (document["id"], "mine")
    assert {service for service, _ in spans} == {"tested"}
    names = [span.name for _, span in spans]
    assert sorted(names) == ["POST /reason", "POST /reason", "chat anytime-tiny", "leg"]
    (chat,) = [span for _, span in spans if span.name == "chat anytime-tiny"]
    assert session["trace_id"] == chat.trace_id.hex()
    for text in (SECRET, KEY, document["answer"]["text"]):
        assert text not in written
        assert text not in str(spans)
