"""A receiver of OTLP log records and metrics, as a Collector is one, for whole runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2


class LogReceiver:
    """What arrived: the attributes of each record, and the bodies; those of metrics joined.

    refuse: whether it answers 503 to log records.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.metrics = b""
        self.refuse = False

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    self.records.append({it.key: _value(it.value) for it in record.attributes})


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(it) for it in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def log_receiver() -> Iterator[tuple[LogReceiver, str]]:
    """The receiver, and its URL."""
    receiver = LogReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            refused = False
            if self.path.endswith("/metrics"):
                receiver.metrics += body
            elif not (refused := receiver.refuse):
                receiver.take(body)
            self.send_response(503 if refused else 200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
