"""Decides whether a graded file shows an image that is stored already, and takes over a changed header.

An image is identified by its SOP Instance UID in its study and by its decoded pixels. The same image again is a
duplicate, in any encoding. If its header or its display differs, those of the later file count from then on.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import FileRow, GradeRow, ImageRow, KneeRow, StudyRow, table_of
from koa_worker.store.encoding.encoded import EncodedResult
from koa_worker.store.journal import record_event
from koa_worker.store.lifecycle.results import Maker, describe, keep_results
from koa_worker.store.lifecycle.steps import get_file, settle_as_duplicate
from koa_worker.store.study.headers import changed_names, correct_study, keep_header
from koa_worker.store.study.studies import change_study
from koa_worker.store.worklist_index import list_file

Image = Row[Any]

_image = table_of(ImageRow)
_SAME = (
    select(_image)
    .join(StudyRow, StudyRow.key == _image.c.study_key)
    .join(FileRow, FileRow.id == _image.c.file_id)
    .where(
        _image.c.sop_uid == bindparam("sop_uid"),
        _image.c.pixels_digest == bindparam("pixels_digest"),
        StudyRow.study_uid == bindparam("study_uid"),
    )
    .order_by(FileRow.arrived_at, FileRow.id)
    .limit(1)
)
SAME_IMAGE = _SAME.with_only_columns(_image.c.file_id)
_FROM_SOURCE = select(_image).where(_image.c.source_id == bindparam("of_file"))
_GRADES = (
    select(GradeRow.kl)
    .join(KneeRow, KneeRow.id == GradeRow.knee_id)
    .where(KneeRow.file_id == bindparam("of_file"), GradeRow.is_current)
    .order_by(KneeRow.position)
)
# The attributes whose old values are in an image's history; of patient attributes it has only the names.
_TOLD = ("view", "laterality", "column_zero_side", "row_mm", "column_mm", "spacing_source")


def find_same_image(session: Session, result: EncodedResult) -> Image | None:
    """The stored image that a graded file shows; None if there is none, or if its pixels have no digest."""
    pixels = result.frame.fingerprint.pixels
    if not pixels:
        return None
    uids = {"sop_uid": storable(result.study.sop_uid), "study_uid": storable(result.study.study_uid)}
    return session.connection().execute(_SAME, {"pixels_digest": pixels, **uids}).first()


def settle_same_image(session: Session, file: FileRow, image: Image, result: EncodedResult, maker: Maker) -> None:
    """Settles a file that shows a stored image as a duplicate; its header counts if it differs and arrived last."""
    owner, source = get_file(session, image.file_id), get_file(session, image.source_id or image.file_id)
    came_last = (file.arrived_at, file.id) > (source.arrived_at, source.id)
    if came_last and _differs(image, result):
        _take_over(session, file, image, result, maker)
    settle_as_duplicate(session, file, owner, maker.at)


def renew_image(session: Session, file: FileRow, result: EncodedResult, maker: Maker) -> None:
    """Gives an image new grades from its source; grades from a file that is no longer its source are ignored."""
    image = session.connection().execute(_FROM_SOURCE, {"of_file": file.id}).first()
    if image is None:
        return
    owner = get_file(session, image.file_id)
    study, differs = change_study(session, result.study, result.patient, maker.at)
    owner.study_key = file.study_key = study.key
    keep_results(session, owner, result, source_id=file.id, maker=maker, patient_differs=differs)
    keep_header(session, owner.id, file.id, result, maker.at)
    record_event(session, owner.id, "regraded", maker.at, f"knees: {len(result.knees)}")
    list_file(session, owner)


def _differs(image: Image, result: EncodedResult) -> bool:
    said = result.frame.fingerprint
    return bool((image.shown_digest, image.header_digest) != (said.shown, said.header))


def _take_over(session: Session, file: FileRow, image: Image, result: EncodedResult, maker: Maker) -> None:
    owner = get_file(session, image.file_id)
    record_event(session, owner.id, "updated", maker.at, _history(session, file.id, image, result))
    study, _ = change_study(session, result.study, result.patient, maker.at)
    file.study_key = study.key  # its report has changed
    keep_results(session, owner, result, source_id=file.id, maker=maker, patient_differs=image.patient_differs)
    keep_header(session, owner.id, file.id, result, maker.at)
    correct_study(session, study)
    list_file(session, owner)


def _history(session: Session, file_id: str, image: Image, result: EncodedResult) -> str:
    """The detail for the history: the file that changed the image, and old values; of patient and study only names."""
    now = describe(result.study, result.frame)
    changes = [f"{name} was {getattr(image, name) or '-'}" for name in _TOLD if getattr(image, name) != now[name]]
    changes += changed_names(session, image.source_id, result)
    if image.shown_digest != result.frame.fingerprint.shown:
        grades = session.connection().scalars(_GRADES, {"of_file": image.file_id})
        changes.append(f"display, grades were {' '.join(map(str, grades)) or '-'}")
    return f"by {file_id}: {', '.join(changes) or 'other attributes'}"
