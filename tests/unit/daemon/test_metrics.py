"""Metrics as Prometheus reads them, at the address that the settings name and at no other."""

import socket
import threading
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from koa_worker import config
from koa_worker.daemon.counts import RunCounts
from koa_worker.daemon.dispatcher import Dispatcher
from koa_worker.daemon.lookout import Lookout
from koa_worker.daemon.metric_values import figures
from koa_worker.daemon.metrics import Stages, registry, served
from koa_worker.daemon.notices import Notices
from koa_worker.daemon.run import _metrics
from koa_worker.errors import SetupError
from koa_worker.store import ParcelState, State, Store
from koa_worker.system.concern import Concern
from koa_worker.system.heartbeat import PauseReason, Pulse
from koa_worker.workers.messages import Done, WriteReport
from tests.make import free_port
from tests.parcels import queue_one

# Dashboards and alerts outside rely on these names.
NAMES = {
    "koa_files_total", "koa_faults_total", "koa_stage_seconds_total", "koa_stage_cpu_seconds_total",
    "koa_workers_lost_total", "koa_workers", "koa_workers_busy", "koa_inbox_files", "koa_inbox_overdue_files",
    "koa_oldest_waiting_seconds", "koa_paused", "koa_disk_free_bytes",
    "koa_studies_waiting",
}  # fmt: skip


def of_a_dispatcher(folder: Path) -> CollectorRegistry:
    """Of one that has had ten files completed and one rejected, a second of reading each."""
    now_ns = time.time_ns()
    counts = RunCounts()
    counts.stages = Stages()
    for number in range(11):
        state, code = (State.COMPLETED, None) if number else (State.REJECTED, "no_knee")
        counts.add_job(Done(WriteReport("a"), state, code, {"read": 1000.0}, {"read": 500.0}))
    dispatcher = SimpleNamespace(
        pulse=lambda: Pulse(
            2,
            1,
            PauseReason.OUTSIDE_HOURS,
            3,
            "net",
            concerns=(Concern("inbox_gone"), Concern("destination_down", "pacs")),
        ),
        backlog=SimpleNamespace(seen=SimpleNamespace(oldest=[SimpleNamespace(modified_ns=now_ns - 10**11)]), waiting=4),
        counts=counts,
        workers_replaced=1,
        studies_waiting=7,
    )
    return registry(lambda: figures(cast("Dispatcher", dispatcher), folder, looking(folder)), counts.stages)


def looking(folder: Path) -> Lookout:
    """One that has looked at a store whose only destination refuses a result and does not answer."""
    url = f"sqlite:///{folder}/koa.sqlite3"
    Store.open(url).close()
    queue_one(url, "pacs", folder / "a.dcm", state=ParcelState.REFUSED)
    destination = config.DestinationSettings(name="pacs", ae_title="A", host="h", port=1)
    settings = config.Config(
        store=config.StoreSettings(url=url), dicom=config.DicomSettings(destinations=(destination,))
    )
    lookout = Lookout(settings, Notices())
    lookout.look()
    return lookout


def samples(shown: CollectorRegistry) -> dict[tuple[str, str], float]:
    """By name and by the values of its labels in the order of their names, as the text format says them."""
    text = generate_latest(shown).decode()
    return {
        (sample.name, "|".join(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_names_that_others_rely_on_stay(tmp_path: Path) -> None:
    said = samples(of_a_dispatcher(tmp_path))
    assert {name for name, _ in said} >= NAMES
    assert said["koa_files_total", "completed"] == 10
    assert said["koa_files_total", "rejected"] == 1
    assert said["koa_faults_total", "no_knee"] == 1
    assert said["koa_stage_seconds_total", "read"] == 11
    assert said["koa_stage_cpu_seconds_total", "read"] == 5.5
    assert said["koa_workers_lost_total", ""] == 1
    assert (said["koa_workers", ""], said["koa_workers_busy", ""], said["koa_paused", ""]) == (2, 1, 1)
    assert (said["koa_inbox_files", ""], said["koa_inbox_overdue_files", ""]) == (4, 3)
    assert said["koa_oldest_waiting_seconds", ""] == pytest.approx(100, abs=30)
    assert said["koa_studies_waiting", ""] == 7
    assert said["koa_disk_free_bytes", ""] > 0


def test_what_needs_a_person_is_a_number_by_code_also_when_nothing_does(tmp_path: Path) -> None:
    said = samples(of_a_dispatcher(tmp_path))
    assert (said["koa_concerns", "inbox_gone"], said["koa_concerns", "destination_down"]) == (1, 1)
    assert said["koa_concerns", "parked"] == 0
    assert said["koa_database_up", ""] == 1
    assert (said["koa_deliveries", "pacs|refused"], said["koa_deliveries", "pacs|acknowledged"]) == (1, 0)


def test_stages_are_a_histogram_of_seconds(tmp_path: Path) -> None:
    said = samples(of_a_dispatcher(tmp_path))
    assert said["koa_stage_duration_seconds_bucket", "0.5|read"] == 0
    assert said["koa_stage_duration_seconds_bucket", "1.0|read"] == 11
    assert said["koa_stage_duration_seconds_count", "read"] == 11
    assert said["koa_stage_duration_seconds_sum", "read"] == 11


def test_the_process_is_measured_too(tmp_path: Path) -> None:
    said = samples(of_a_dispatcher(tmp_path))
    assert said["process_resident_memory_bytes", ""] > 1e6
    assert said["process_cpu_seconds_total", ""] > 0


def test_two_registries_know_nothing_of_each_other_or_of_the_library_s_own(tmp_path: Path) -> None:
    one, other = of_a_dispatcher(tmp_path), registry(list, Stages())
    assert ("koa_workers", "") in samples(one)
    assert not {name for name, _ in samples(other)} & NAMES
    assert not any(family.name.startswith("koa_") for family in REGISTRY.collect())


def test_metrics_are_served_until_the_end() -> None:
    settings = config.MetricsSettings(port=free_port())
    shown = registry(lambda: [CounterMetricFamily("koa_files", "Files.", 1)], Stages())
    address = f"http://127.0.0.1:{settings.port}/metrics"
    with served(settings, shown):
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert b"koa_files_total 1.0\n" in answer.read()
        with pytest.raises(SetupError, match=f"port {settings.port} cannot be opened"), served(settings, shown):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=10)


def test_they_are_served_at_the_named_address_only() -> None:
    settings = config.MetricsSettings(host="127.0.0.2", port=free_port())
    with served(settings, CollectorRegistry()):
        socket.create_connection(("127.0.0.2", settings.port), timeout=10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", settings.port), timeout=10)


def test_an_address_of_another_machine_is_refused() -> None:
    with (
        pytest.raises(SetupError, match=r"\[metrics\] 192.0.2.1 port"),
        served(config.MetricsSettings(host="192.0.2.1", port=free_port()), CollectorRegistry()),
    ):
        pass


def listening() -> set[str]:
    """The sockets of this process on which somebody could call."""
    tables = [Path(f"/proc/self/net/{table}").read_text(encoding="ascii") for table in ("tcp", "tcp6")]
    open_ones = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    listens = "0A"
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[3] == listens and f"socket:[{row[9]}]" in open_ones}


def test_without_a_port_nothing_is_opened(tmp_path: Path) -> None:
    sockets, threads = listening(), threading.active_count()
    with served(config.MetricsSettings(port=free_port()), CollectorRegistry()):
        assert len(listening() - sockets) == 1  # what is looked at here does see a port that is opened
    settings, dispatcher = config.Config(), SimpleNamespace(counts=RunCounts())
    with _metrics(settings, cast("Dispatcher", dispatcher), looking(tmp_path)):
        assert dispatcher.counts.stages is None
        assert listening() == sockets
        assert threading.active_count() == threads
