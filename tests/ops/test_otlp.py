"""Spans (feature otlp): a collector on loopback is sent the spans of a request that passes two gateways, and one that does
not answer delays nobody."""

import http.server
import socket
import ssl
import threading
import time
import urllib.request

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway import BINARY, EXCHANGE, FILES, FULL, PASSWORD, ROOT, Side, free_port, question, write_certificate

CALENDARS = ROOT / "config/demo/calendars"
TRACE, UNRECORDED, CALLER = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, CLIENT, FAILED = 2, 3, 2


class Collector(http.server.ThreadingHTTPServer):
    """Takes what is sent to /v1/traces."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.bodies = []
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def environment(self, service):
        return named(self.server_port) | {"OTEL_SERVICE_NAME": service}

    def spans(self):
        """Each with the name of the service that sent it and its attributes."""
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = attributes(resource.resource)["service.name"]
                for scope in resource.scope_spans:
                    found += [(service, span, attributes(span)) for span in scope.spans]
        return found

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join(timeout=60)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
        self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def named(port):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "NO_PROXY": "127.0.0.1"}


def attributes(holder):
    def value(of):
        return getattr(of, of.WhichOneof("value"))

    return {each.key: value(each.value) for each in holder.attributes}


def ask(folder, side, mailbox, **headers):
    """The id of the request."""
    tls = ssl.create_default_context(cafile=str(folder / "server.pem"))
    with urllib.request.urlopen(question(side.port, mailbox, **headers), timeout=60, context=tls) as answer:
        assert b"ResponseClass=\"Success\"" in answer.read()
        return answer.headers["request-id"]


@pytest.fixture
def folder(tmp_path):
    write_certificate(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    return tmp_path


def test_a_request_is_one_trace_through_two_gateways(folder):
    collector = Collector()
    upstream = Side(folder, "upstream", FILES, FULL, collector.environment("upstream"), calendars=CALENDARS)
    gateway = Side(folder, "gateway", EXCHANGE, FULL, collector.environment("gateway"), upstream=upstream.port)
    try:
        gateway.wait_until_ready()
        upstream.wait_until_ready()
        recorded, unrecorded = f"00-{TRACE}-{CALLER}-01", f"00-{UNRECORDED}-{CALLER}-00"
        request = ask(folder, gateway, "anna@exchange.example", traceparent=recorded, tracestate="a=b")
        ask(folder, gateway, "bernd@exchange.example", traceparent=unrecorded)
        own = ask(folder, gateway, "carla@exchange.example")
    finally:
        # All that is left is sent at the end.
        stopped = gateway.stop(), upstream.stop()
        collector.close()
    assert stopped == (0, 0)
    spans = [(service, span, told) for service, span, told in collector.spans() if span.trace_id.hex() == TRACE]
    by_place = {(service, span.kind): (span, told) for service, span, told in spans}
    assert len(spans) == len(by_place) == 4, spans
    parent = CALLER
    for place in [("gateway", SERVER), ("gateway", CLIENT), ("upstream", SERVER), ("upstream", CLIENT)]:
        span, told = by_place[place]
        assert span.parent_span_id.hex() == parent, place
        assert span.status.code != FAILED and span.end_time_unix_nano > span.start_time_unix_nano
        parent = span.span_id.hex()
    span, told = by_place["gateway", SERVER]
    assert span.name == "POST /ews/exchange.asmx"
    assert told == {
        "http.request.method": "POST",
        "http.route": "/ews/exchange.asmx",
        "http.response.status_code": 200,
        "calbridge.face": "ews",
        "calbridge.operation": "GetUserAvailability",
        "calbridge.outcome": "answered",
        "calbridge.request_id": request,
    }
    span, told = by_place["gateway", CLIENT]
    assert (span.name, told) == ("free_busy", {"calbridge.endpoint": "hq", "calbridge.outcome": "ok"})
    traces = {span.trace_id.hex() for _, span, _ in collector.spans()}
    assert UNRECORDED not in traces
    # Without a caller's trace one begins here, and is recorded here alone.
    own = [span for _, span, _ in collector.spans() if span.trace_id.hex() == own.replace("-", "")]
    own = {span.kind: span for span in own}
    assert own.keys() == {SERVER, CLIENT} and not own[SERVER].parent_span_id
    assert own[CLIENT].parent_span_id == own[SERVER].span_id
    everything = b"".join(collector.bodies)
    for person in [b"anna", b"bernd", b"carla", b"interop", b"exchange.example", PASSWORD.encode()]:
        assert person not in everything


def test_a_collector_that_does_not_answer_delays_nobody(folder):
    # It is connected to, and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = named(silent.getsockname()[1]) | {
            "OTEL_BSP_MAX_QUEUE_SIZE": "8",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
        }
        gateway = Side(folder, "gateway", FILES, FULL, environment, calendars=CALENDARS)
        try:
            gateway.wait_until_ready()
            # More than the queue has room for.
            for _ in range(50):
                begun = time.monotonic()
                ask(folder, gateway, "anna@exchange.example")
                assert time.monotonic() - begun < 5
        finally:
            begun = time.monotonic()
            status = gateway.stop()
    assert status == 0
    # The exporter itself waits for ten seconds.
    assert time.monotonic() - begun < 8


def test_a_collector_that_is_not_there_is_told_once(folder):
    environment = named(free_port()) | {"OTEL_BSP_SCHEDULE_DELAY": "10"}
    gateway = Side(folder, "gateway", FILES, FULL, environment, calendars=CALENDARS)
    log = folder / "gateway.log"
    told = "Spans cannot be exported"
    try:
        gateway.wait_until_ready()
        deadline = time.monotonic() + 60
        while told not in log.read_text():
            assert time.monotonic() < deadline
            ask(folder, gateway, "anna@exchange.example")
        for _ in range(5):
            ask(folder, gateway, "anna@exchange.example")
    finally:
        status = gateway.stop()
    assert status == 0
    assert log.read_text().count(told) == 1


def test_a_program_without_the_feature_says_so(folder):
    gateway = Side(folder, "gateway", FILES, BINARY, named(free_port()), calendars=CALENDARS)
    try:
        gateway.wait_until_ready()
        ask(folder, gateway, "anna@exchange.example")
    finally:
        status = gateway.stop()
    assert status == 0
    assert "built without the feature otlp" in (folder / "gateway.log").read_text()
