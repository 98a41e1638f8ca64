"""Makes DICOM objects of the results of a study, from the store and the headers of the originals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import Dataset

from koa_worker.config import ResultSettings
from koa_worker.errors import WorkFailed
from koa_worker.knee.grading.explain import overlay
from koa_worker.publish.objects import capture, pdf_object, presentation, rejection_note, sr, uids
from koa_worker.publish.objects.original import Original, read_original
from koa_worker.publish.objects.predecessors import Predecessors
from koa_worker.publish.objects.result import Document, ImageResult, KneeResult, Replaced, ResultKind, UnseenKnee
from koa_worker.store import (
    FileRecord,
    ImageRecord,
    PublicationTicket,
    RejectedRecord,
    Store,
    StudyRecord,
    UngradedRecord,
)
from koa_worker.values import GradedBy

logger = logging.getLogger(__name__)

_PATIENCE = timedelta(hours=1)  # after the report: for this time an original may be missing from its folder


@dataclass(frozen=True, slots=True)
class Made:
    """An object that can be made: its UID is known before it is made."""

    kind: ResultKind
    subject: str  # the id of the file that it is about, or the UID of an ungraded image; empty: the whole study
    sop_uid: str
    make: Callable[[], Dataset]
    replaces: Replaced | None = None
    rejects: tuple[Replaced, ...] = ()  # of a rejection note


class _About(NamedTuple):
    """An image, its results, and the subjects by which a later version of them finds its predecessor."""

    original: Original
    result: ImageResult
    subject: str
    foreign: bool  # the image names another patient than its study


class NotYet(Exception):
    """The original is being moved between two folders."""


@dataclass(frozen=True, slots=True)
class ResultObjects:
    """Makes the result objects of a study; they are the same, with the same UIDs, each time."""

    settings: ResultSettings
    store: Store

    def of_study(self, study: StudyRecord, ticket: PublicationTicket) -> Iterator[Made]:
        """The objects that the settings ask for; files that are not DICOM have none."""
        document_of: Original | None = None
        before = Predecessors(study.study_uid, self.store.sending.result_objects(study.key))
        replaced: list[Replaced] = []
        for about in self._graded(study, ticket) if study.images else self._ungraded(study, ticket):
            if not about.foreign:
                document_of = document_of or about.original
            for made in self._of_image(about, before):
                replaced += _newly_replaced(made, before)
                yield made
        if document_of is None:
            return
        if self.settings.pdf and ticket.report_path:  # retention may have deleted it since
            made = self._of_study(document_of, ticket, study, before)
            replaced += _newly_replaced(made, before)
            yield made
        if self.settings.supersede == "iocm" and replaced:
            yield _rejection_note(document_of, ticket, study, tuple(replaced))

    def _graded(self, study: StudyRecord, ticket: PublicationTicket) -> Iterator[_About]:
        for number, image in study.numbered_images:
            if image.format == "DICOM" and image.knees:
                file = self.store.files.source(image.file_id)
                original = _original(file, image.file_id, ticket)
                if original is not None:
                    result = _result(number, image, study, explained=self.settings.secondary_capture)
                    yield _About(original, result, image.file_id, image.patient_differs)

    def _ungraded(self, study: StudyRecord, ticket: PublicationTicket) -> Iterator[_About]:
        """For a study without any grade: its images of a knee, each with its last rejected file."""
        found: dict[str, _About] = {}
        for file in study.rejected:
            if file.ungraded is None:
                continue
            original = _original(self.store.files.find(file.file_id), file.file_id, ticket)
            if original is not None:
                number = found[original.sop_uid].result.number if original.sop_uid in found else len(found) + 1
                result = _no_result(number, file, file.ungraded, original)
                found[original.sop_uid] = _About(original, result, original.sop_uid, file.ungraded.patient_differs)
        yield from found.values()

    def _of_image(self, about: _About, before: Predecessors) -> Iterator[Made]:
        original, result = about.original, about.result
        graded = bool(result.knees)
        drawn = graded and self.settings.presentation and presentation.can_be_built(original)
        for kind, wanted, build in (
            (ResultKind.STRUCTURED_REPORT, self.settings.structured_report, sr.build),
            (ResultKind.SECONDARY_CAPTURE, graded and self.settings.secondary_capture, capture.build),
            (ResultKind.PRESENTATION, drawn, presentation.build),
        ):
            if wanted:
                sop_uid = uids.of_image_object(kind, original.sop_uid, result)
                replaces = before.of(kind, {about.subject, original.sop_uid}, sop_uid)
                make = partial(build, original, result, replaces)
                yield Made(kind, about.subject, sop_uid, make, replaces)

    def _of_study(
        self, original: Original, ticket: PublicationTicket, study: StudyRecord, before: Predecessors
    ) -> Made:
        pdf = Path(ticket.report_path).read_bytes()
        known = [image for image in study.images if image.fingerprint.pixels]
        graded = tuple(part for image in known for part in (image.sop_uid, *_content(image)))
        content = graded if study.images else tuple(file.sha256 for file in study.rejected if file.ungraded)
        document = Document(pdf, ticket.revision, last_grader(study), ticket.reported_at, content)
        sop_uid = uids.of_document(original.study_uid, document)
        replaces = before.of(ResultKind.PDF, {""}, sop_uid)
        make = partial(pdf_object.build, original, document, replaces)
        return Made(ResultKind.PDF, "", sop_uid, make, replaces)


def has_no_place(study: StudyRecord, store: Store) -> bool:
    """Whether the study has originals, but none of them has the UIDs that results need."""
    sources = [(image.format, store.files.source(image.file_id)) for image in study.images]
    there = [(form, Path(file.filed_as)) for form, file in sources if file is not None and file.filed_as]
    found = [form == "DICOM" and _has_place(path) for form, path in there if path.exists()]
    return bool(found) and not any(found)


def _has_place(path: Path) -> bool:
    try:
        read_original(path)
    except WorkFailed:
        return False
    return True


def _original(record: FileRecord | None, file_id: str, ticket: PublicationTicket) -> Original | None:
    """The original's header; None if the file is missing or lacks the necessary UIDs."""
    path = Path(record.filed_as) if record is not None and record.filed_as else None
    if path is None or not path.exists():
        if datetime.now(UTC) - ticket.reported_at < _PATIENCE and path is not None:
            raise NotYet
        logger.warning("results not sent: original file missing", extra={"file": file_id})
        return None
    try:
        return read_original(path)
    except WorkFailed as fault:
        logger.warning("results not sent", extra={"file": file_id, "code": fault.code})
        return None


def _content(image: ImageRecord) -> tuple[str, ...]:
    """The digest of what the results of an image derive from; images from earlier versions have only their file's.

    Each correction by a person changes it, also a correction that is withdrawn: the objects made before are replaced.
    """
    known = image.fingerprint
    corrected = (image.correction.at.isoformat(),) if image.correction is not None else ()
    return ((known.shown, known.header) if known.pixels else (image.sha256,)) + corrected


def _newly_replaced(made: Made, before: Predecessors) -> list[Replaced]:
    """The objects that a rejection note has to name: each once, with the object that replaces it."""
    return [made.replaces] if made.replaces is not None and before.is_new(made.sop_uid) else []


def _rejection_note(
    original: Original, ticket: PublicationTicket, study: StudyRecord, replaced: tuple[Replaced, ...]
) -> Made:
    sop_uid = uids.of_rejection_note([one.sop_uid for one in replaced])
    make = partial(
        rejection_note.build,
        original,
        replaced,
        last_grader(study),
        revision=ticket.revision,
        made_at=ticket.reported_at,
    )
    return Made(ResultKind.REJECTION_NOTE, "", sop_uid, make, rejects=replaced)


def last_grader(study: StudyRecord) -> GradedBy:
    """The release that graded last; for a study without any grade, the release that tried last."""
    knees = [knee for _, image in study.numbered_images for knee in image.knees]
    if not knees:
        return max((file.ungraded for file in study.rejected if file.ungraded), key=lambda one: one.at).looked
    newest = max(knees, key=lambda knee: knee.graded_at)
    return GradedBy(newest.grade.model, newest.model_digest, newest.software_version, newest.grade.site)


def _no_result(number: int, file: RejectedRecord, ungraded: UngradedRecord, original: Original) -> ImageResult:
    return ImageResult(
        image=file.sha256,
        content=(file.sha256,),
        number=number,
        rows=int(original.header.get("Rows") or 0),
        columns=int(original.header.get("Columns") or 0),
        frame_jpeg=b"",
        knees=(),
        graded_by=ungraded.looked,
        made_at=ungraded.at,
        refused=file.refused,
        unseen=tuple(UnseenKnee(side, file.code) for side in file.unseen),
    )


def _result(number: int, image: ImageRecord, study: StudyRecord, *, explained: bool) -> ImageResult:
    knee = image.knees[0]
    lines = {line.stands.place: line for line in study.knees}
    courses = {course.now.stands.place: course for course in study.courses}
    return ImageResult(
        image=image.fingerprint.pixels or image.sha256,
        content=_content(image),
        number=number,
        rows=image.height,
        columns=image.width,
        frame_jpeg=image.frame_jpeg,
        knees=tuple(
            KneeResult(
                knee.roi,
                knee.grade,
                knee.crop,
                overlay(knee.crop, knee.heatmap),
                knee.joint_space,
                lines.get((image.file_id, knee.position)),
                courses.get((image.file_id, knee.position)),
            )
            for knee in image.knees
        ),
        graded_by=GradedBy(knee.grade.model, knee.model_digest, knee.software_version, knee.grade.site),
        made_at=knee.graded_at,
        refused=image.refused,
        spacing=image.spacing,
        explained=explained,
    )
