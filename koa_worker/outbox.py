"""Makes results into DICOM objects and sends them until each destination has acknowledged each of them.

report written → objects in the outgoing folder → parcels in the store → C-STORE → acknowledged → object removed
Each step can be done again: objects have the same UIDs whenever they are made, and a parcel is queued once.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom.dataset import Dataset

from koa_worker.config import Config, Destination
from koa_worker.errors import WorkFailed
from koa_worker.knee.explain import overlay
from koa_worker.log import where
from koa_worker.publish import capture, pdf_object, sr, uids
from koa_worker.publish.base import write_object
from koa_worker.publish.destination import Answer, Parcel, Receipt, Unreachable, send
from koa_worker.publish.original import Original, read_original
from koa_worker.publish.result import Document, ImageResult, Kind, KneeResult, Maker
from koa_worker.store import ImageRecord, NewParcel, ParcelRecord, PublicationTicket, Store, StudyRecord

logger = logging.getLogger(__name__)

_AT_A_TIME = 50  # objects in one association
_BUSY_IN_A_ROW = 3  # it is not this one object that a PACS has no room for
_PATIENCE = timedelta(hours=1)  # with an original that is not where it should be, from its report on


@dataclass(frozen=True, slots=True)
class _Made:
    """An object that could be made: its identity is known before the work is done."""

    kind: Kind
    sop_uid: str
    make: Callable[[], Dataset]


class NotYet(Exception):
    """The original is on its way between two folders."""


class Outbox:
    """Everything between a written report and a PACS that has the result."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._settings = config.dicom.results
        self._destinations = config.dicom.destinations
        self._names = tuple(destination.name for destination in self._destinations)
        self._store = store
        self._settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings.folder.chmod(0o700)
        self._swept = False
        store.know_destinations(self._names)

    def work(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Makes and sends everything that is due; the daemon and `koa-worker send` take turns."""
        with self._alone():
            if not self._swept:
                self._sweep()
            for ticket in self._store.publications_due(self._names):
                if stopped():
                    return
                self._publish(ticket)
            for destination in self._destinations:
                self._send_all(destination, stopped)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._settings.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sweep(self) -> None:
        """Objects that nobody waits for: a kill came before one was removed, or a newer one took its place."""
        folder = self._settings.folder
        wanted = self._store.parcel_paths()
        for path in [*folder.glob("*.dcm"), *folder.glob("*.part")]:
            if str(path) not in wanted:
                path.unlink(missing_ok=True)
        self._swept = True

    # Making

    def _publish(self, ticket: PublicationTicket) -> None:
        try:
            study = self._store.study_content(ticket.study_key)
            parcels = [self._put(made) for made in self._missing(ticket, study)]
        except NotYet:
            return
        # What makes a result impossible to express as DICOM must not hold up the others; the report is there.
        except Exception as fault:
            if isinstance(fault, WorkFailed) and fault.code == "store":
                raise
            if isinstance(fault, OSError):
                logger.warning("results wait for the disk", extra={"study": ticket.study_key, "fault": where(fault)})
                return
            logger.warning("results not sent", extra={"study": ticket.study_key, "fault": where(fault)})
            parcels = []
        self._store.queue(ticket, parcels)

    def _missing(self, ticket: PublicationTicket, study: StudyRecord) -> Iterator[_Made]:
        """Objects that some destination has not been given."""
        had: dict[str, set[str]] = {}
        for parcel in self._store.parcels(ticket.study_key):
            had.setdefault(parcel.sop_uid, set()).add(parcel.destination)
        for made in self._objects(ticket, study):
            if not had.get(made.sop_uid, set()).issuperset(ticket.destinations):
                yield made

    def _objects(self, ticket: PublicationTicket, study: StudyRecord) -> Iterator[_Made]:
        document_of: Original | None = None
        for number, image in enumerate(study.images, start=1):
            if image.format != "DICOM" or not image.knees:
                continue
            original = self._original(image, ticket)
            if original is None:
                continue
            if not image.patient_differs:
                document_of = document_of or original
            yield from self._of_image(original, _result(number, image))
        if self._settings.pdf and document_of is not None:
            yield self._of_study(document_of, ticket, study)

    def _of_image(self, original: Original, result: ImageResult) -> Iterator[_Made]:
        for kind, wanted, build in (
            (Kind.STRUCTURED_REPORT, self._settings.structured_report, sr.build),
            (Kind.SECONDARY_CAPTURE, self._settings.secondary_capture, capture.build),
        ):
            if wanted:
                sop_uid = uids.of_image_object(kind, original.sop_uid, result)
                yield _Made(kind, sop_uid, lambda build=build: build(original, result))  # type: ignore[misc]

    def _of_study(self, original: Original, ticket: PublicationTicket, study: StudyRecord) -> _Made:
        newest = max((knee for image in study.images for knee in image.knees), key=lambda knee: knee.graded_at)
        maker = Maker(newest.grade.model, newest.model_digest, newest.software_version)
        document = Document(Path(ticket.report_path).read_bytes(), ticket.revision, maker, ticket.reported_at)
        sop_uid = uids.of_document(original.study_uid, document)
        return _Made(Kind.PDF, sop_uid, lambda: pdf_object.build(original, document))

    def _original(self, image: ImageRecord, ticket: PublicationTicket) -> Original | None:
        """The original's header; None if it cannot be had or has no place in a PACS."""
        record = self._store.find(image.file_id)
        path = Path(record.filed_as) if record is not None and record.filed_as else None
        if path is None or not path.exists():
            if datetime.now(UTC) - ticket.reported_at < _PATIENCE and path is not None:
                raise NotYet
            logger.warning("results not sent: the original is gone", extra={"file": image.file_id})
            return None
        try:
            return read_original(path)
        except WorkFailed as fault:
            logger.warning("results not sent", extra={"file": image.file_id, "code": fault.code})
            return None

    def _put(self, made: _Made) -> NewParcel:
        path = self._settings.folder / f"{made.sop_uid}.dcm"
        target = made.make()
        write_object(path, target)
        return NewParcel(made.kind, str(target.SOPClassUID), made.sop_uid, str(path))

    # Sending

    def _send_all(self, destination: Destination, stopped: Callable[[], bool]) -> None:
        while not stopped() and (due := self._store.parcels_due(destination.name, _AT_A_TIME)):
            try:
                self._send_some(destination, due)
            # A PACS may answer anything, and a library may stumble over it: it counts as no answer.
            except Exception as fault:
                if isinstance(fault, WorkFailed):
                    raise
                reason = str(fault) if isinstance(fault, Unreachable) else type(fault).__name__
                until = self._store.put_off(destination.name, reason, self._first_pause)
                extra = {
                    "destination": destination.name,
                    "reason": reason,
                    "again": until.isoformat(timespec="seconds"),
                }
                logger.warning("destination does not answer", extra=extra)
                return

    def _send_some(self, destination: Destination, due: Sequence[ParcelRecord]) -> None:
        records = {record.id: record for record in due}
        parcels = [Parcel(record.id, record.sop_class_uid, Path(record.path)) for record in due]
        busy = 0
        with contextlib.closing(send(destination, parcels)) as receipts:
            for receipt in receipts:
                self._note(receipt, records[receipt.parcel.id])
                busy = busy + 1 if receipt.answer is Answer.BUSY else 0
                if busy == _BUSY_IN_A_ROW:
                    raise Unreachable(receipt.reason)

    def _note(self, receipt: Receipt, record: ParcelRecord) -> None:
        extra = {"destination": record.destination, "object": record.sop_uid, "kind": record.kind}
        if receipt.answer is Answer.TAKEN:
            logger.info("sent", extra=extra)
            if self._store.acknowledge(record.id):
                receipt.parcel.path.unlink(missing_ok=True)
            return
        most = {Answer.BUSY: None, Answer.FAILED: self._config.limits.max_tries, Answer.REFUSED: 1}[receipt.answer]
        state = self._store.refuse(record.id, receipt.reason, max_tries=most, first_pause=self._first_pause)
        logger.warning("not taken", extra={**extra, "reason": receipt.reason, "state": state})

    @property
    def _first_pause(self) -> timedelta:
        return timedelta(seconds=self._settings.retry_seconds)


def _result(number: int, image: ImageRecord) -> ImageResult:
    knee = image.knees[0]
    return ImageResult(
        sha256=image.sha256,
        number=number,
        rows=image.height,
        columns=image.width,
        frame_jpeg=image.frame_jpeg,
        knees=tuple(
            KneeResult(knee.roi, knee.grade, knee.crop, overlay(knee.crop, knee.heatmap)) for knee in image.knees
        ),
        maker=Maker(knee.grade.model, knee.model_digest, knee.software_version),
        made_at=knee.graded_at,
    )
