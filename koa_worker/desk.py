"""What is done with one file in hand, step by step.

A file that cannot be finished because the disk or the database is away stays in hand, and `unsettled` says so: nothing
new should be taken until it has been taken up again.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from koa_worker.config import Config
from koa_worker.errors import WorkFailed
from koa_worker.intake import Claim, claim_again, left_over
from koa_worker.log import where
from koa_worker.pipeline import Pipeline
from koa_worker.publish import file_away, filed_path
from koa_worker.registrar import Registrar
from koa_worker.report.content import Release
from koa_worker.store import FileRecord, State, Store
from koa_worker.values import Completed, Failed, Outcome, Rejected

logger = logging.getLogger(__name__)


class Desk:
    """One worker's place: a pipeline, the store, and the folders that originals end in."""

    def __init__(self, config: Config, store: Store, pipeline: Pipeline) -> None:
        model = Release(pipeline.grader.name, pipeline.grader.digest)
        self._config = config
        self._store = store
        self._pipeline = pipeline
        self._registrar = Registrar(store, config.folders.reports, config.report, model)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self.unsettled = False
        self.tally: Counter[str] = Counter()

    @property
    def not_graded(self) -> int:
        """Files that this run had to reject or could not finish."""
        return self.tally[State.REJECTED] + self.tally["failed"]

    def work(self, taken: Claim) -> None:
        """Takes a claimed file as far as it gets."""
        try:
            self._advance(taken)
        except (OSError, WorkFailed) as fault:
            self.unsettled = True
            logger.warning("set down until disk and database answer", extra={"file": taken.id, "fault": where(fault)})

    def take_up_left_over(self) -> None:
        """Goes on with what a stop or a fault left in hand, and writes the reports that are missing."""
        self.unsettled = False
        for taken in left_over(self._config.folders.work):
            self.work(taken)
        try:
            for study_key in self._store.reports_due():
                self._report(study_key)
        except (OSError, WorkFailed) as fault:
            self.unsettled = True
            logger.warning("reports wait until disk and database answer", extra={"fault": where(fault)})

    def retry_due(self) -> int:
        """Tries failed files again whose pause is over; gives their number."""
        due = [taken for record in self._store.due_retries(datetime.now(UTC)) if (taken := self._regain(record))]
        for taken in due:
            self.work(taken)
        return len(due)

    def _regain(self, record: FileRecord) -> Claim | None:
        """The file in hand again: it waits in the work folder, or was parked; another worker's is not ours."""
        parked = Path(record.filed_as) if record.filed_as else None
        return claim_again(record.id, record.name, parked, self._config.folders.work)

    def _advance(self, taken: Claim) -> None:
        """From the first step that is missing: known, graded and kept, reported, filed."""
        arrival = taken.arrive()
        ticket = self._store.add_arrival(arrival, datetime.now(UTC))
        # Whatever lies in this worker's own folder is this worker's, whoever began it.
        if self._store.start(arrival.id, self._worker, take_over=True):
            self._keep(self._pipeline.process(arrival))
        record = self._store.find(arrival.id)
        if record is None or not self._file(taken, record, ticket.original_state):
            return  # its next try comes after a pause
        taken.release()
        if record.state is not State.FAILED:
            self.tally[record.state] += 1
            logger.info(record.state, extra={"file": taken.id, "code": record.code or "-"})

    def _keep(self, outcome: Outcome) -> None:
        arrival, now = outcome.arrival, datetime.now(UTC)
        folders = self._config.folders
        match outcome:
            case Completed():
                self._report(self._registrar.complete(outcome, filed_path(arrival, folders.done, now)))
            case Rejected():
                study_key = self._store.reject(arrival.id, outcome, str(filed_path(arrival, folders.rejected, now)))
                if study_key is not None:
                    self._report(study_key)
            case Failed():
                tries = self._config.limits.max_tries
                decision = self._store.fail(arrival.id, outcome, max_tries=tries, now=now)
                extra = {"file": arrival.id, "code": outcome.code, "again": decision.retry_at}
                self.tally["failed"] += 1
                logger.warning("failed", extra=extra)

    def _report(self, study_key: str) -> None:
        try:
            self._registrar.write_report(study_key)
        except (OSError, WorkFailed):
            raise
        # The result is kept and the next start writes the report; one odd page must not hold up the others.
        except Exception:
            logger.exception("report broke", extra={"study": study_key})

    def _file(self, taken: Claim, record: FileRecord, original: State | None) -> bool:
        """Moves the original to where it ends; false while it is still to be tried again."""
        folders, now = self._config.folders, datetime.now(UTC)
        arrival = taken.named(record.sha256, record.size)
        match record.state:
            case State.COMPLETED | State.REJECTED:
                target = Path(record.filed_as or "")
            case State.DUPLICATE:
                target = filed_path(arrival, folders.rejected if original is State.REJECTED else folders.done, now)
            case State.FAILED if record.parked:
                target = filed_path(arrival, folders.failed, now)
            case _:
                return False
        if record.filed_as != str(target):
            self._store.record_filing(record.id, str(target))
        file_away(taken.path, target, code=record.code, detail=record.detail or "")
        return True
