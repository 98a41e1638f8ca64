"""The store's door: domain verbs, values in and values out, each one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from koa_worker.store import engine, export, journal, lifecycle, reports, results, sending, study_content
from koa_worker.store import status as counting
from koa_worker.store.convert import to_file_record
from koa_worker.store.page.verbs import PageVerbs
from koa_worker.store.records import (
    EventRecord,
    ExportedKnee,
    ExportedRefusal,
    FileRecord,
    FileTicket,
    NewParcel,
    ParcelRecord,
    ParcelState,
    PublicationTicket,
    Settled,
    StatusRecord,
    StudyRecord,
    Taken,
)
from koa_worker.store.schema import File
from koa_worker.store.transaction import PATIENCE_SECONDS, unanswered
from koa_worker.values import Arrival, Completed, Failed, Rejected

_RETRIES_AT_A_TIME = 100


class Store(PageVerbs):
    """Everything that is known of every file. Raises `WorkFailed("store")` when the database does not answer."""

    @classmethod
    def open(cls, url: str, *, patience: float = PATIENCE_SECONDS) -> Self:
        """Connects, creates what is missing and brings the tables up to date.

        A verb waits for `patience` seconds while others are in the way.
        """
        database = engine.connect(url, patience)
        try:
            engine.migrate(database)
        except DBAPIError as fault:
            database.dispose()
            raise unanswered(fault) from fault
        return cls(database, patience=patience)

    def close(self) -> None:
        self._writing.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # A file's way

    def add_arrival(self, arrival: Arrival, at: datetime) -> FileTicket:
        """Makes a file known under its arrival's id, or as a duplicate of one that was settled before.

        The same arrival again, after a crash, gives its ticket as it stands.
        """
        return self._write(lambda session: lifecycle.add_arrival(session, arrival, at))

    def start(self, file_id: str, worker: str, *, take_over: bool = False) -> bool:
        """Gives the file to `worker`; false when another one has it or it is settled.

        With `take_over` also from another worker: for what a crash left.
        """
        return self._write(
            lambda session: lifecycle.start(session, file_id, worker, self._clock(), take_over=take_over)
        )

    def take(self, arrival: Arrival, worker: str) -> Taken:
        """The first two at once, for what lies in the worker's own folder: known, and taken from whoever had it."""
        return self._write(lambda session: lifecycle.take(session, arrival, worker, self._clock()))

    def complete(
        self,
        file_id: str,
        outcome: Completed,
        model_digest: str,
        software_version: str,
        filed_as: str,
        *,
        drawn: results.Drawn | None = None,
    ) -> Settled:
        """Keeps the grades of a file. On a completed file: keeps the former grades too.

        With `drawn` the outcome's own pictures are not looked at.
        """
        drawn = drawn or results.draw(outcome)
        maker = results.Maker(model_digest, software_version, self._clock())
        return self._write(
            lambda session: results.complete(session, file_id, outcome, drawn=drawn, maker=maker, filed_as=filed_as)
        )

    def reject(self, file_id: str, outcome: Rejected, filed_as: str) -> Settled:
        """Ends the file with its fault, for its study to report if the file said which one it is of."""
        return self._write(lambda session: lifecycle.reject(session, file_id, outcome, filed_as, self._clock()))

    def fail(self, file_id: str, outcome: Failed, *, max_tries: int, now: datetime) -> FileRecord:
        """Puts the file off for a growing pause, or parks it after `max_tries`."""
        return self._write(lambda session: lifecycle.fail(session, file_id, outcome, max_tries, now))

    def record_filing(self, file_id: str, filed_as: str) -> None:
        """Notes where the original lies now, when that was not known yet: of duplicates and parked files."""
        self._write(lambda session: lifecycle.record_filing(session, file_id, filed_as, self._clock()))

    def record_removal(self, file_id: str) -> None:
        """Notes that the original is no longer kept."""
        self._write(lambda session: lifecycle.record_removal(session, file_id, self._clock()))

    def retry(self, ids: Iterable[str] | None = None) -> int:
        """Puts parked files back among the waiting, or those named; gives their number."""
        chosen = None if ids is None else tuple(ids)
        return self._write(lambda session: lifecycle.retry(session, chosen, self._clock()))

    def unfinished(self) -> tuple[FileRecord, ...]:
        """What is being worked on; when no worker runs, what a crash left."""
        return self._read(lifecycle.unfinished)

    def due_retries(self, now: datetime, limit: int = _RETRIES_AT_A_TIME) -> tuple[FileRecord, ...]:
        """Files to take up again, oldest first: failed ones whose pause is over, and those put back by `retry`."""
        return self._read(lambda session: lifecycle.due_retries(session, now, limit))

    def to_regrade(self, model_digest: str, after: str = "", limit: int = _RETRIES_AT_A_TIME) -> tuple[str, ...]:
        """Ids of graded files, in order from `after` on, whose present grades are another model's."""
        return self._read(lambda session: results.to_regrade(session, model_digest, after, limit))

    def find(self, file_id: str) -> FileRecord | None:
        return self._read(lambda session: _find(session, file_id))

    def events(self, file_id: str) -> tuple[EventRecord, ...]:
        """Everything that happened to the file, in order."""
        return self._read(lambda session: journal.list_events(session, file_id))

    # Reports

    def study_content(self, study_key: str) -> StudyRecord:
        """Everything that a report of the study needs."""
        return self._read(lambda session: study_content.study_content(session, study_key))

    def begin_report(self, study_key: str) -> int | None:
        """Takes the next number for a report, if one is due.

        Take it before reading the content, so that the highest shows most.
        """
        return self._write(lambda session: reports.begin_report(session, study_key))

    def record_report(
        self,
        study_key: str,
        revision: int,
        path: Path | str,
        sha256: str,
        at: datetime,
        *,
        put: Callable[[], None] = lambda: None,
    ) -> bool:
        """Has `put` put a revision in its place and notes it; neither, and false, when a higher one is written."""
        return self._write(
            lambda session: reports.record_report(
                session, study_key, revision, path=str(path), sha256=sha256, at=at, put=put
            )
        )

    def leave_unreported(self, study_key: str, revision: int | None) -> None:
        """Nobody wants a report of what was just settled, for which `revision` was taken."""
        self._write(lambda session: reports.leave_unreported(session, study_key, revision))

    def want_reports(self) -> None:
        """Studies that were left unreported become due."""
        self._write(reports.want_reports)

    def reports_due(self) -> tuple[str, ...]:
        """Keys of studies that changed after their last report: what a crash may leave between result and report."""
        return self._read(reports.reports_due)

    # Sending

    def know_destinations(self, names: Iterable[str]) -> None:
        """What is new among them gets what is reported from now on."""
        chosen = tuple(names)
        self._write(lambda session: sending.know_destinations(session, chosen, self._clock()))

    def publications_due(self, names: Collection[str]) -> tuple[PublicationTicket, ...]:
        """Studies whose newest report has not been made into objects for these destinations."""
        return self._read(lambda session: sending.publications_due(session, names))

    def queue(self, ticket: PublicationTicket, parcels: Iterable[NewParcel]) -> tuple[NewParcel, ...]:
        """Notes the objects of a publication as waiting; gives those that are new to a destination."""
        chosen = tuple(parcels)
        return self._write(lambda session: sending.queue(session, ticket, chosen, self._clock()))

    def parcels_due(self, destination: str, limit: int = _RETRIES_AT_A_TIME) -> tuple[ParcelRecord, ...]:
        return self._read(lambda session: sending.parcels_due(session, destination, self._clock(), limit))

    def parcels(self, study_key: str | None = None) -> tuple[ParcelRecord, ...]:
        """Every object that was ever queued, or those of one study."""
        return self._read(lambda session: sending.parcels(session, study_key))

    def parcel_paths(self) -> frozenset[str]:
        """Where the objects lie that some destination has not acknowledged."""
        return self._read(sending.parcel_paths)

    def acknowledge(self, parcel_id: int) -> bool:
        """The destination has it; gives whether no other destination still waits for the object."""
        return self._write(lambda session: sending.acknowledge(session, parcel_id, self._clock()))

    def put_off(self, destination: str, detail: str, first_pause: timedelta) -> datetime:
        """Nothing is tried there before the time that this gives."""
        return self._write(lambda session: sending.put_off(session, destination, detail, first_pause, self._clock()))

    def refuse(self, parcel_id: int, detail: str, *, max_tries: int | None, first_pause: timedelta) -> ParcelState:
        """The destination did not take the object: put off, or left to a person after `max_tries`."""
        return self._write(
            lambda session: sending.refuse(
                session, parcel_id, detail, max_tries=max_tries, first_pause=first_pause, now=self._clock()
            )
        )

    def wake_parcels(self) -> int:
        """Everything that waits or was refused is due now."""
        return self._write(lambda session: sending.wake_parcels(session, self._clock()))

    def send_again(self, study_keys: Iterable[str]) -> int:
        """All objects of these studies are made and sent anew; gives the number of studies found."""
        chosen = tuple(study_keys)
        return self._write(lambda session: sending.send_again(session, chosen, self._clock()))

    def parcel_counts(self) -> Mapping[str, Mapping[ParcelState, int]]:
        """How many objects of each state, by destination."""
        return self._read(sending.parcel_counts)

    # Looking on

    def status(self) -> StatusRecord:
        return self._read(lambda session: counting.status(session, self._clock()))

    def export_rows(self, *, superseded: bool = False) -> Iterator[ExportedKnee | ExportedRefusal]:
        """Every knee; with `superseded` also the grades of former models."""
        return export.export_rows(self._reading, superseded=superseded)


def _find(session: Session, file_id: str) -> FileRecord | None:
    file = session.get(File, file_id)
    return to_file_record(file) if file is not None else None
