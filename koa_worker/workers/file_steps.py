"""The steps of a worker process for one file.

Each step can be repeated, and work resumes at the first missing step: known to the store → graded → result in the
store → report → original filed → note removed.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from koa_worker.config import Config
from koa_worker.errors import UnknownRecord, WorkFailed, WrongState
from koa_worker.intake import Claim
from koa_worker.intake.filing import file_away, filed_path
from koa_worker.pipeline import Pipeline, Stopwatch
from koa_worker.registrar import Registrar
from koa_worker.store import FileRecord, Settled, State, Store
from koa_worker.system.heartbeat import is_there
from koa_worker.system.log import where
from koa_worker.values import Arrival, Completed, Failed, Outcome, Rejected
from koa_worker.workers.messages import Done, Job, Postponed, Regrade, WriteReport

logger = logging.getLogger(__name__)

# Errors of one file; any other error may be the disk's.
_OF_THE_FILE = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO)


def _nobody(*, on: bool) -> None:
    """Used if there is no parent that limits the time of grading."""


class FileSteps:
    """The steps, with what they need: a pipeline, the store, and the final folders of originals."""

    def __init__(
        self, config: Config, store: Store, pipeline: Pipeline, grading: Callable[..., None] = _nobody
    ) -> None:
        self._config = config
        self._store = store
        self._pipeline = pipeline
        self._grading = grading
        self._registrar = Registrar(store, config.folders.reports, config.report, pipeline.grader.graded_by)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._clock = Stopwatch()

    def work(self, job: Job) -> Done | Postponed:
        """Does as many steps of a job as possible. If disk or database do not answer, the job is postponed."""
        self._clock = Stopwatch()
        try:
            return self._take_further(job)
        except WrongState as fault:
            logger.warning("postponed: the file was changed meanwhile", extra={"file": job.id, "fault": where(fault)})
            return Postponed(job)
        except (OSError, WorkFailed) as fault:
            logger.warning("postponed: disk or database unavailable", extra={"file": job.id, "fault": where(fault)})
            return Postponed(job)

    def _take_further(self, job: Job) -> Done:
        try:
            match job:
                case Claim():
                    return self._advance(job) if job.path.exists() else self._finish_without_file(job)
                case WriteReport():
                    self._report(lambda: self._registrar.write_due_report(job.study_key), job.study_key)
                    return self._done(job, None)
                case Regrade():
                    return self._regrade(job)
        except UnknownRecord:
            return self._let_go(job)

    def _let_go(self, job: Job) -> Done:
        """Leaves a file alone whose record was erased, or to which a running erasure belongs."""
        if isinstance(job, Claim) and self._store.files.is_doomed(job.id):
            job.path.unlink(missing_ok=True)
            job.release()
        logger.info("erased", extra={"file": job.id})
        return self._done(job, None)

    def _advance(self, taken: Claim) -> Done:
        """Continues from the first missing step: known to the store, graded, result stored, report, filed."""
        try:
            with self._clock("intake"):
                arrival, data = taken.load(self._config.limits.max_file_mb * 1_000_000)
        except OSError as fault:
            if fault.errno not in _OF_THE_FILE:
                raise
            return self._park(taken, fault)
        with self._clock("store"):
            known = self._store.files.take(arrival, self._worker)
        if known.begun:
            record = self._keep(self._process(arrival, data))
        else:
            record = known.record
            self._ask_for_report(record)
        with self._clock("file"):
            if self._file(taken, record, known.original_state):
                taken.release()
        logger.info(record.state, extra={"file": taken.id, "code": record.code or "-"})
        return self._done(taken, record.state, record.code)

    def _park(self, taken: Claim, fault: OSError) -> Done:
        """Parks a file that this account may not read: it waits for a person, and no other file waits with it."""
        logger.error("a file cannot be read", extra={"file": taken.id, "fault": where(fault)})
        arrival = taken.named("", 0)
        known = self._store.files.take(arrival, self._worker)
        record = known.record
        if known.begun:
            outcome = Failed(arrival, "io", f"it may not be read: {os.strerror(fault.errno or 0)}")
            record = self._store.files.fail(arrival.id, outcome, max_tries=1, now=datetime.now(UTC))
        if self._file(taken, record, known.original_state):
            taken.release()
        return self._done(taken, record.state, record.code)

    def _finish_without_file(self, taken: Claim) -> Done:
        """Handles a missing file: a worker process died after filing it, or somebody removed it, which is recorded."""
        record = self._store.files.find(taken.id)
        if record is None and not taken.has_note() and is_there(self._config.folders.work):
            raise UnknownRecord("unknown_record", f"file {taken.id}")
        if record is None or record.filed_as is None or not Path(record.filed_as).exists():
            record = self._fail_missing(taken, known=record is not None)
        taken.release()
        if record is None:
            return self._done(taken, None)
        self._ask_for_report(record)
        return self._done(taken, record.state, record.code)

    def _ask_for_report(self, record: FileRecord) -> None:
        """Makes the report due: the process that settled the file may have died before it wrote the report."""
        if record.study_key is not None:
            self._store.reports.ask(record.study_key)

    def _fail_missing(self, taken: Claim, *, known: bool) -> FileRecord | None:
        """Marks the missing file as failed; gives its record, or None if settled. Raises if its folder is gone."""
        if not taken.has_note():
            raise FileNotFoundError(taken.path)
        logger.error("file missing from the work folder", extra={"file": taken.id})
        if not (known and self._store.files.start(taken.id, self._worker, take_over=True)):
            return None
        gone = Failed(taken.named("", 0), "io", "the file is missing from the work folder")
        return self._store.files.fail(taken.id, gone, max_tries=1, now=datetime.now(UTC))

    def _done(self, job: Job, state: State | None, code: str | None = None) -> Done:
        return Done(job, state, code, self._clock.spent_ms, self._clock.cpu_ms)

    def _process(self, arrival: Arrival, data: bytes | None = None) -> Outcome:
        self._grading(on=True)
        outcome = self._pipeline.process(arrival, data)
        self._grading(on=False)
        if isinstance(outcome, Completed):
            self._clock.spent_ms.update(outcome.timings_ms)
            self._clock.cpu_ms.update(outcome.cpu_ms)
        return outcome

    def _keep(self, outcome: Outcome) -> FileRecord:
        """Stores the outcome; gives the final record of the file."""
        arrival, now = outcome.arrival, datetime.now(UTC)
        folders = self._config.folders
        with self._clock("store"):
            match outcome:
                case Completed():
                    kept = self._registrar.complete(outcome, filed_path(arrival, folders.done, now))
                case Rejected():
                    kept = self._store.files.reject(
                        arrival.id, outcome, str(filed_path(arrival, folders.rejected, now))
                    )
                case Failed():
                    return self._store.files.fail(arrival.id, outcome, max_tries=self._config.limits.max_tries, now=now)
        self._report_if_begun(kept)
        return kept.record

    def _report_if_begun(self, kept: Settled) -> None:
        study_key, revision = kept.study_key, kept.revision
        if study_key is not None and revision is not None:
            self._report(lambda: self._registrar.write_report(study_key, revision), study_key)

    def _report(self, write: Callable[[], object], study_key: str) -> None:
        try:
            with self._clock("report"):
                write()
        except (OSError, WorkFailed):
            raise
        # The result is stored and the next start writes the report; one bad report must not stop the others.
        except Exception:
            logger.exception("report failed", extra={"study": study_key})

    def _regrade(self, job: Regrade) -> Done:
        """Grades an archived original again; if it can no longer be read, it keeps its grades."""
        record = self._store.files.source(job.file_id)
        path = Path(record.filed_as) if record and record.filed_as else None
        if record is None or path is None or not path.is_file():
            return Done(job, None, "io")
        outcome = self._process(Arrival(path, record.sha256, record.size, record.name, record.id))
        if not isinstance(outcome, Completed):
            logger.warning("not regraded", extra={"file": job.file_id, "code": outcome.code})
            return Done(job, None, outcome.code)
        self._report_if_begun(self._registrar.complete(outcome, path))
        return self._done(job, State.COMPLETED)

    def _file(self, taken: Claim, record: FileRecord, original: State | None) -> bool:
        """Moves the original to its final folder; false if it is to be retried."""
        folders, now = self._config.folders, datetime.now(UTC)
        arrival = taken.named(record.sha256, record.size)
        match record.state:
            case State.COMPLETED | State.REJECTED:
                target = Path(record.filed_as or "")
            case State.DUPLICATE:
                refused = original is State.REJECTED or record.code is not None
                target = filed_path(arrival, folders.rejected if refused else folders.done, now)
            case State.FAILED if record.parked:
                target = filed_path(arrival, folders.failed, now)
            case _:
                return False
        if record.filed_as != str(target):
            self._store.files.record_filing(record.id, str(target))
        file_away(taken.path, target, code=record.code, detail=record.detail or "")
        return True
