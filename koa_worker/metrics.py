"""Prometheus metrics on a loopback port: counts and gauges, nothing that names a file or a patient."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from koa_worker.errors import SetupError


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with its values by label."""

    name: str
    kind: Literal["counter", "gauge"]
    says: str
    label: str = ""
    values: Mapping[str, float] = field(default_factory=dict)  # by the label's value; "" without a label


def expose(metrics: list[Metric]) -> str:
    """In Prometheus' text format 0.0.4."""
    return "".join(line for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.says}\n# TYPE {metric.name} {metric.kind}\n"
    for of, value in sorted(metric.values.items()):
        label = f'{{{metric.label}="{of}"}}' if metric.label else ""
        yield f"{metric.name}{label} {value:.10g}\n"


@contextmanager
def served(port: int, collect: Callable[[], list[Metric]]) -> Iterator[None]:
    """Within, http://127.0.0.1:port/metrics answers; with port 0 nothing is opened."""
    if not port:
        yield
        return

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = expose(collect()).encode() if self.path == "/metrics" else b""
            self.send_response(HTTPStatus.OK if body else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Who reads metrics is nothing for the log."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    except OSError as fault:
        raise SetupError("config", f"[metrics] port {port} cannot be opened: {fault.strerror}") from fault
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
