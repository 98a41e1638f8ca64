"""One run over an archive, from the listing to the last part; after any stop the same command resumes it."""

from __future__ import annotations

import errno
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console

from koa_worker import __version__
from koa_worker.batch.entries import Finding
from koa_worker.batch.into_store import put_into_store
from koa_worker.batch.ledger import Ledger
from koa_worker.batch.local import Local, Take
from koa_worker.batch.parquet import part_path, sweep, write_part
from koa_worker.batch.progress import Meter, shown
from koa_worker.batch.reports import write_reports
from koa_worker.batch.source import entries_of
from koa_worker.config import Config
from koa_worker.errors import Lost, NotStarted, SetupError, Unfinished, WorkFailed
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.knee.grading.site import SiteScale
from koa_worker.store import Store
from koa_worker.system.stop import Stop, on_signal
from koa_worker.workers.pool import cores

logger = logging.getLogger(__name__)

_TRIES = 2  # of a failed file; the second one when all others are done
_SECONDS_BETWEEN_PARTS = 1.0
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Engine(Protocol):
    """An engine that grades: the worker processes of this machine, or a cluster."""

    def grade(self, take: Take, stop: Stop) -> Iterator[Finding]:
        """Grades until nothing is left to take; after a stop it finishes only what is being graded."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The options of one batch: what is graded, and where the results go."""

    source: str
    results: Path
    store: bool = True
    reports: bool = False
    cluster: str = ""


@dataclass(slots=True)
class Summary:
    """The counts of the whole source, not only of this run."""

    stopped: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        return self.counts[""]

    @property
    def exit_code(self) -> int:
        """0 all graded, 1 some were rejected, 3 some are left or failed: the same command retries those."""
        if self.left or self.counts["failed"]:
            return 3
        return 1 if self.counts["rejected"] else 0


def run(config: Config, plan: BatchPlan, console: Console) -> Summary:
    """Grades all entries that are not done yet."""
    release = Release.open(model_folder(config.model.path))
    _make_folder(plan.results)
    try:
        return _run(config, plan, release, console)
    except OSError as fault:
        ending = Unfinished if fault.errno in _DISK_FULL else Lost
        raise ending("io", "a folder of the batch") from fault
    except WorkFailed as fault:
        if isinstance(fault, (NotStarted, Unfinished)):
            raise
        raise Lost(fault.code, fault.detail) from fault


def _run(config: Config, plan: BatchPlan, release: Release, console: Console) -> Summary:
    site = SiteScale.load(Path(config.model.site), release.digest) if config.model.site else None
    with on_signal() as stop, Ledger.open(plan.results / "_ledger") as ledger, _store(config, plan) as store:
        scale = f", site {site.digest[:16]}" if site else ""
        ledger.belongs_to(f"{release.digest[:16]} by {__version__}, review {config.model.review_confidence}{scale}")
        sweep(plan.results)
        console.print("listing …", highlight=False)
        ledger.compare(entries_of(plan.source, plan.results))
        _doubt_missing_parts(ledger, plan.results)
        batch = Batch(ledger, store, plan.results, release.digest, reports=plan.reports)
        batch.work(_engine(config, plan, release), stop, console)
        if plan.reports and store is not None and not stop.asked:
            console.print("writing reports …", highlight=False)
            write_reports(config, store, stop)
        return Summary(stop.asked, Counter(ledger.counts()))


class Batch:
    """Keeps the findings of an engine: in the store, in the ledger and in the parts, in this order."""

    def __init__(
        self, ledger: Ledger, store: Store | None, results: Path, model_digest: str, *, reports: bool = False
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._results = results
        self._model_digest = model_digest
        self._reports = reports
        self._next_look = 0.0

    def work(self, engine: Engine, stop: Stop, console: Console) -> None:
        counts = self._ledger.counts()
        total = sum(counts.values())
        with shown(total, total - counts.get("", 0), console) as meter:
            for finding in engine.grade(self._ledger.take, stop) if counts.get("") else ():
                self._keep(finding, meter)
                if time.monotonic() > self._next_look:
                    self._write_parts()
                    self._next_look = time.monotonic() + _SECONDS_BETWEEN_PARTS
        self._write_parts()

    def _keep(self, finding: Finding, meter: Meter) -> None:
        if self._store is not None and finding.kept is not None:
            place = str(finding.rows[0]["source"])
            put_into_store(self._store, finding.kept, place, self._model_digest, reports=self._reports)
        if self._ledger.record(finding, _TRIES):
            meter.advance()

    def _write_parts(self) -> None:
        """Writes each part whose entries are all done; it is recorded as written only after that."""
        for part in self._ledger.complete_parts():
            write_part(self._results, part, self._ledger.rows_of(part))
            self._ledger.written(part)


def _engine(config: Config, plan: BatchPlan, release: Release) -> Engine:
    if plan.cluster:
        try:
            from koa_worker.batch.cluster import Cluster  # noqa: PLC0415 - an extra that one machine does not need
        except ImportError as fault:
            raise SetupError("cluster", f"{fault.name} is not installed") from fault
        return Cluster(plan.cluster, config, release, keep=plan.store)
    return Local(config, config.work.workers or cores(), keep=plan.store)


def _store(config: Config, plan: BatchPlan) -> AbstractContextManager[Store | None]:
    if not plan.store:
        return nullcontext()
    try:
        return Store.of(config.store, quiet_seconds=config.study.quiet_seconds)  # no report after each image
    except WorkFailed as fault:
        raise NotStarted(fault.code, fault.detail) from fault


def _make_folder(results: Path) -> None:
    try:
        results.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise SetupError("batch_results", fault.strerror or "") from fault


def _doubt_missing_parts(ledger: Ledger, results: Path) -> None:
    for part in ledger.parts():
        if not part_path(results, part).exists():
            ledger.doubt(part)
