"""Metrics in Prometheus' text format, on the loopback only."""

import socket
import urllib.error
import urllib.request

import pytest

from koa_worker.errors import SetupError
from koa_worker.metrics import Metric, expose, served


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_text_format() -> None:
    metrics = [
        Metric("koa_files_total", "counter", "Files.", "outcome", {"rejected": 2, "completed": 10}),
        Metric("koa_busy", "gauge", "Busy.", values={"": 0.5}),
    ]
    assert expose(metrics) == (
        "# HELP koa_files_total Files.\n# TYPE koa_files_total counter\n"
        'koa_files_total{outcome="completed"} 10\nkoa_files_total{outcome="rejected"} 2\n'
        "# HELP koa_busy Busy.\n# TYPE koa_busy gauge\nkoa_busy 0.5\n"
    )


def test_only_metrics_are_served() -> None:
    port = free_port()
    with served(port, lambda: [Metric("koa_busy", "gauge", "Busy.", values={"": 1})]):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"koa_busy 1\n" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404") as fault:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        fault.value.close()
        with pytest.raises(SetupError, match="cannot be opened"), served(port, list):
            pass


def test_without_a_port_nothing_is_opened() -> None:
    with served(0, list):
        pass
