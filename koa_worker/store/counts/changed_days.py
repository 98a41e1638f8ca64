"""Names the days that the watch over weeks has to count again, in the transaction that changes them.

A study counts on the first day of its images. So whatever changes in one of them names the days of all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import ChangedDay, FileRow, FileSums, ImageRow, IndexLine, StudySums, table_of

_changed, _files, _images, _lines = map(table_of, (ChangedDay, FileRow, ImageRow, IndexLine))
_ADD = insert(_changed)
_ADD_STUDY = _ADD.from_select(
    ["day"],
    select(_lines.c.day)
    .where(_lines.c.file_id.in_(select(_images.c.file_id).where(_images.c.study_key == bindparam("of_study"))))
    .where(_lines.c.day.is_not(None))
    .distinct(),
)
_SUMS = tuple(map(table_of, (StudySums, FileSums)))
_AT_A_TIME = 200


def mark_day(connection: Connection, day: dt.date) -> None:
    connection.execute(_ADD, {"day": day})


def mark_study(connection: Connection, study_key: str) -> None:
    """The days of all images of a study."""
    connection.execute(_ADD_STUDY, {"of_study": study_key})


def forget_days(session: Session, files: Collection[str], studies: Collection[str]) -> None:
    """The days of what is about to be erased, with their sums, which would still tell of it."""
    connection = session.connection()
    keys = {*studies, *_chosen(connection, _files.c.study_key, _files.c.id, files)}
    of_files = _chosen(connection, _lines.c.day, _files.c.id, files)
    for day in sorted({*of_files, *_chosen(connection, _lines.c.day, _files.c.study_key, keys)} - {None}):
        mark_day(connection, day)
        for sums in _SUMS:
            connection.execute(delete(sums).where(sums.c.day == day))


def _chosen(connection: Connection, wanted: Column[Any], by: Column[Any], keys: Collection[str | None]) -> set[Any]:
    """The values of a column of files or their lines, by other values of these files."""
    named = sorted(key for key in keys if key is not None)
    found = set[Any]()
    for start in range(0, len(named), _AT_A_TIME):
        of_files = select(wanted).select_from(_files.outerjoin(_lines, _lines.c.file_id == _files.c.id))
        found.update(connection.scalars(of_files.where(by.in_(named[start : start + _AT_A_TIME]))))
    return found
