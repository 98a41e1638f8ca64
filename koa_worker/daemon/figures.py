"""The daemon in numbers, for Prometheus: its counts since its start, and how it is now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from koa_worker.daemon.dispatcher import Dispatcher
from koa_worker.system.disk import free_mb


def figures(dispatcher: Dispatcher, work: Path) -> Iterator[Metric]:
    """The names of counters get their `_total` from the library."""
    pulse, backlog, counts = dispatcher.pulse(), dispatcher.backlog, dispatcher.counts
    oldest = backlog.seen.oldest
    age = max(0.0, time.time() - oldest[0].modified_ns / 1e9) if oldest and backlog.waiting else 0.0
    yield _counts("koa_files", "Files settled or failed.", "outcome", counts.outcomes)
    yield _counts("koa_faults", "Files rejected or failed, by code.", "code", counts.codes)
    yield _counts("koa_stage_seconds", "Time spent, by stage.", "stage", _seconds(counts.spent_ms))
    yield _counts("koa_stage_cpu_seconds", "Processor time spent, by stage.", "stage", _seconds(counts.cpu_ms))
    yield CounterMetricFamily("koa_workers_lost", "Worker processes replaced.", dispatcher.workers_replaced)
    yield GaugeMetricFamily("koa_workers", "Worker processes.", pulse.workers)
    yield GaugeMetricFamily("koa_workers_busy", "Worker processes with a file.", pulse.busy)
    yield GaugeMetricFamily("koa_inbox_files", "Files waiting in the inbox.", backlog.waiting)
    yield GaugeMetricFamily("koa_inbox_overdue_files", "Files that stay unfinished.", pulse.overdue)
    yield GaugeMetricFamily("koa_oldest_waiting_seconds", "Age of the oldest waiting file.", age)
    yield GaugeMetricFamily(
        "koa_studies_waiting", "Studies whose report waits for more images.", dispatcher.studies_waiting
    )
    yield GaugeMetricFamily("koa_paused", "1 while no file is taken.", float(pulse.paused is not None))
    yield GaugeMetricFamily("koa_disk_free_bytes", "Room for files.", free_mb(work) * 1e6)


def _counts(name: str, says: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """A copy of the values is taken, since the loop that counts goes on meanwhile."""
    family = CounterMetricFamily(name, says, labels=[label])
    for of, value in sorted({**values}.items()):
        family.add_metric([of], value)
    return family


def _seconds(spent_ms: Mapping[str, float]) -> dict[str, float]:
    return {stage: spent / 1e3 for stage, spent in {**spent_ms}.items()}
