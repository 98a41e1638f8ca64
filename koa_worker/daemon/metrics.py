"""Serves Prometheus metrics from its own registry; no metric names a file or a patient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from koa_worker import config
from koa_worker.errors import SetupError

# Seconds, from a database lookup to the time limit of a file; each is 2 or 2.5 times the one before.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Stages:
    """How long files stay in each stage."""

    def __init__(self) -> None:
        self.histogram = Histogram(
            "koa_stage_duration_seconds", "Time of one file, by stage.", ["stage"], registry=None, buckets=_SECONDS
        )

    def note(self, spent_ms: dict[str, float]) -> None:
        for stage, spent in spent_ms.items():
            self.histogram.labels(stage).observe(spent / 1e3)


class _Read(Collector):
    """Collects the values each time that the metrics are read."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def registry(collect: Callable[[], Iterable[Metric]], stages: Stages) -> CollectorRegistry:
    """The values of `collect`, the histogram of stages, and memory, CPU time and descriptors of this process."""
    made = CollectorRegistry()
    made.register(_Read(collect))
    made.register(stages.histogram)
    ProcessCollector(registry=made)
    return made


@contextmanager
def served(settings: config.MetricsSettings, shown: CollectorRegistry) -> Iterator[None]:
    """Serves http://HOST:PORT/metrics while the context is open."""
    try:
        server, thread = start_http_server(settings.port, settings.host, shown)
    except OSError as fault:
        place = f"{settings.host} port {settings.port}"
        raise SetupError("config", f"[metrics] {place} cannot be opened: {fault.strerror}") from fault
    with server:
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
