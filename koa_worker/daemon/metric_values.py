"""The metrics of the daemon for Prometheus: its counts since the start, and its present state."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from koa_worker.daemon.dispatcher import Dispatcher
from koa_worker.daemon.lookout import Lookout
from koa_worker.health import FromStore
from koa_worker.system.concern import CONCERNS, Concern
from koa_worker.system.disk import free_mb


def figures(dispatcher: Dispatcher, work: Path, lookout: Lookout) -> Iterator[Metric]:
    """All metrics. The library adds `_total` to the names of counters."""
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
    yield _gauges("koa_concerns", "Things that need a person, by code.", ["code"], _concerns(pulse.concerns))
    yield GaugeMetricFamily("koa_database_up", "1 if the database answered last.", float(lookout.stored is not None))
    if lookout.stored is not None:
        yield from _of_store(lookout.stored)


def _concerns(concerns: Iterable[Concern]) -> dict[tuple[str, ...], float]:
    """Every code, with 0 for those without a problem: an alerting rule needs the zero."""
    present = Counter(one.code for one in concerns)
    return {(code,): float(present[code]) for code in CONCERNS if code not in {"not_running", "silent"}}


def _of_store(stored: FromStore) -> Iterator[Metric]:
    last = {"arrived": stored.last.arrived, "graded": stored.last.graded, "reported": stored.last.reported}
    yield _gauges(
        "koa_last_success_timestamp_seconds", "When a step last succeeded.", ["step"],
        {(step,): moment.timestamp() for step, moment in last.items() if moment},
    )  # fmt: skip
    states: dict[tuple[str, ...], float] = {
        (one.destination, state): float(count)
        for one in stored.deliveries
        for state, count in (
            ("waiting", one.waiting), ("failing", one.failing), ("refused", one.refused),
            ("acknowledged", one.acknowledged),
        )
    }  # fmt: skip
    yield _gauges(
        "koa_deliveries",
        "Result objects, by destination; those failing wait as well.",
        ["destination", "state"],
        states,
    )
    yield _gauges(
        "koa_delivery_last_success_timestamp_seconds", "When a destination last took a result.", ["destination"],
        {(one.destination,): one.last_success.timestamp() for one in stored.deliveries if one.last_success},
    )  # fmt: skip
    yield _gauges(
        "koa_delivery_oldest_waiting_seconds", "Age of the oldest result that waits.", ["destination"],
        {
            (one.destination,): max(0.0, time.time() - one.oldest_waiting.timestamp()) if one.oldest_waiting else 0.0
            for one in stored.deliveries
        },
    )  # fmt: skip


def _gauges(name: str, says: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=labels)
    for of, value in sorted(values.items()):
        family.add_metric(list(of), value)
    return family


def _counts(name: str, says: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """A counter. The values are copied first, since the loop changes them meanwhile."""
    family = CounterMetricFamily(name, says, labels=[label])
    for of, value in sorted({**values}.items()):
        family.add_metric([of], value)
    return family


def _seconds(spent_ms: Mapping[str, float]) -> dict[str, float]:
    return {stage: spent / 1e3 for stage, spent in {**spent_ms}.items()}
