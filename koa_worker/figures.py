"""The daemon in numbers, for Prometheus: its counts since its start, and how it is now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from koa_worker.foreman import Foreman
from koa_worker.metrics import Metric
from koa_worker.room import free_mb


def figures(foreman: Foreman, work: Path) -> list[Metric]:
    pulse, backlog = foreman.pulse(), foreman.backlog
    oldest = backlog.seen.oldest
    age = max(0.0, time.time() - oldest[0].modified_ns / 1e9) if oldest and backlog.waiting else 0.0
    free_bytes = free_mb(work) * 1e6
    spent, cpu = _seconds(foreman.spent_ms), _seconds(foreman.cpu_ms)
    return [
        Metric("koa_files_total", "counter", "Files settled or failed.", "outcome", {**foreman.tally}),
        Metric("koa_faults_total", "counter", "Files rejected or failed, by code.", "code", {**foreman.codes}),
        Metric("koa_stage_seconds_total", "counter", "Time spent, by stage.", "stage", spent),
        Metric("koa_stage_cpu_seconds_total", "counter", "Processor time spent, by stage.", "stage", cpu),
        Metric("koa_workers_lost_total", "counter", "Worker processes replaced.", values={"": foreman.fallen}),
        Metric("koa_workers", "gauge", "Worker processes.", values={"": pulse.hands}),
        Metric("koa_workers_busy", "gauge", "Worker processes with a file.", values={"": pulse.busy}),
        Metric("koa_inbox_files", "gauge", "Files waiting in the inbox.", values={"": backlog.waiting}),
        Metric("koa_inbox_overdue_files", "gauge", "Files that stay unfinished.", values={"": pulse.overdue}),
        Metric("koa_oldest_waiting_seconds", "gauge", "Age of the oldest waiting file.", values={"": age}),
        Metric("koa_paused", "gauge", "1 while no file is taken.", values={"": float(bool(pulse.paused))}),
        Metric("koa_disk_free_bytes", "gauge", "Room for files.", values={"": free_bytes}),
    ]


def _seconds(spent_ms: Mapping[str, float]) -> dict[str, float]:
    return {stage: spent / 1e3 for stage, spent in spent_ms.items()}
