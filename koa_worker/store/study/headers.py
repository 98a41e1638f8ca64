"""Patient and study in the header of each image, and the changes of a study when a header is corrected.

The header of an image's source counts; those that the image had before are kept as its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import FileRow, HeaderRow, ImageRow, StudyRow, table_of
from koa_worker.store.encoding.encoded import EncodedResult
from koa_worker.store.study.studies import ABOUT, WHO, said_of, says_another
from koa_worker.store.worklist_index import relist_study, unlist_study

_headers, _images, _files = table_of(HeaderRow), table_of(ImageRow), table_of(FileRow)
_FORGET, _KEEP = delete(_headers).where(_headers.c.file_id == bindparam("of_file")), insert(_headers)
_OF_FILE = select(_headers).where(_headers.c.file_id == bindparam("of_file"))
_FLAG = update(_images).where(_images.c.file_id == bindparam("of_image"))
_NOW = (
    select(_images.c.file_id.label("image"), _images.c.patient_differs, _headers)
    .join(_files, _files.c.id == _images.c.file_id)
    .join(_headers, _headers.c.file_id == _images.c.source_id, isouter=True)
    .where(_images.c.study_key == bindparam("study_key"))
    .order_by(_files.c.arrived_at, _files.c.id)
)


def keep_header(
    session: Session, image_id: str, file_id: str, result: EncodedResult, at: datetime, *, new: bool = False
) -> None:
    """Stores the header of a file with an image; it replaces what was read from the same file before."""
    connection = session.connection()
    if not new:
        connection.execute(_FORGET, {"of_file": file_id})
    said = said_of(result.study, result.patient)
    connection.execute(_KEEP, {"file_id": file_id, "image_id": image_id, "at": at, **said})


def changed_names(session: Session, file_id: str, result: EncodedResult) -> tuple[str, ...]:
    """The names of the attributes that differ from the header of an earlier file; never their values."""
    before = session.connection().execute(_OF_FILE, {"of_file": file_id}).first()
    if before is None:
        return ()
    now = said_of(result.study, result.patient)
    return tuple(name for name in (*WHO, *ABOUT) if now[name] != getattr(before, name))


def correct_study(session: Session, study: StudyRow) -> None:
    """Updates a study from its images, after the header of one has changed.

    The patient is corrected if all images agree. Else the study keeps its patient, and each image that names another
    one is marked. An image from an earlier version, whose header was not stored, counts as agreeing with the study.
    """
    unlist_study(session, study)
    images = session.connection().execute(_NOW, {"study_key": study.key}).all()
    said = {name: _values(images, study, name) for name in WHO}
    if all(len(values) <= 1 for values in said.values()) and not any(_unknown(row) for row in images):
        for name, values in said.items():
            for value in values:
                setattr(study, name, value)
    agreeing = [row for row in images if not _mark(session, row, study)]
    for name in ABOUT:
        values = _values(agreeing, study, name)
        if values and getattr(study, name) not in values:
            setattr(study, name, values[0])
    relist_study(session, study)


def _values(images: Sequence[Row[Any]], study: StudyRow, name: str) -> list[Any]:
    """The values in the images' headers, each once, in the order of their arrival."""
    said = (getattr(study if row.image_id is None else row, name) for row in images)
    return list(dict.fromkeys(value for value in said if value))


def _unknown(row: Row[Any]) -> bool:
    """Whether an image's header was not stored, but is known to name another patient than the study."""
    return row.image_id is None and row.patient_differs


def _mark(session: Session, row: Row[Any], study: StudyRow) -> bool:
    """Marks an image that names another patient than its study, and gives whether it does."""
    differs = (
        row.patient_differs if row.image_id is None else says_another({name: getattr(row, name) for name in WHO}, study)
    )
    if differs != row.patient_differs:
        session.connection().execute(_FLAG, {"of_image": row.image, "patient_differs": differs})
    return bool(differs)
