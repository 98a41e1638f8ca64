"""What an entry of the worklist shows: the knees of a study, its readers and to whom it is assigned, or a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import FileRow, IndexLine, ReaderGradeRow
from koa_worker.store.page.assignments import assignees
from koa_worker.store.page.reader_grades import stands_in_study
from koa_worker.store.page.worklist import rows_of
from koa_worker.store.page.worklist_values import Cursor, WorklistEntry, WorklistRow
from koa_worker.values import Side

_SIDES = (Side.RIGHT, Side.LEFT, Side.UNKNOWN)


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """The position of an entry, and the study that it shows; None: a file without a graded knee."""

    key: Cursor
    study: str | None


def entries_of(session: Session, places: Sequence[EntryPlace], *, may_see_patients: bool) -> tuple[WorklistEntry, ...]:
    """The entries at these places: the knees of each study with its readers, and files without a graded knee."""
    studies = {place.study for place in places if place.study}
    knees = _knees(session, studies)
    files = [place.key.id for place in places if place.study is None]
    ids = [*(knee.id for knee in knees), *files]
    rows = dict(zip(ids, rows_of(session, ids, may_see_patients=may_see_patients), strict=True))
    of_study: defaultdict[str, list[WorklistRow]] = defaultdict(list)
    for number, study in knees:
        of_study[str(study)].append(rows[number])
    readers, assigned = _readers(session, studies), assignees(session, studies)
    return tuple(
        WorklistEntry(
            place.key,
            _in_hanging_order(of_study[place.study]),
            readers.get(place.study, {}),
            assigned.get(place.study, ()),
        )
        if place.study
        else WorklistEntry(place.key, (rows[place.key.id],), {})
        for place in places
    )


def _knees(session: Session, studies: Collection[str]) -> Sequence[Row[int, str | None]]:
    """The lines of these studies, with the study of each."""
    if not studies:
        return ()
    return session.execute(
        select(IndexLine.id, FileRow.study_key)
        .join(FileRow, FileRow.id == IndexLine.file_id)
        .where(FileRow.study_key.in_(studies), stands_in_study(), IndexLine.knee_id.is_not(None))
        .order_by(IndexLine.id.desc())
    ).all()


def _in_hanging_order(rows: Sequence[WorklistRow]) -> tuple[WorklistRow, ...]:
    return tuple(sorted(rows, key=lambda row: _SIDES.index(row.side)))


def _readers(session: Session, studies: Collection[str]) -> Mapping[str, Mapping[str, int]]:
    """The number of knees of each study that each reader has graded."""
    if not studies:
        return {}
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = session.execute(
        select(FileRow.study_key, ReaderGradeRow.reader, func.count(ReaderGradeRow.knee_id.distinct()))
        .join(IndexLine, IndexLine.file_id == FileRow.id)
        .join(ReaderGradeRow, ReaderGradeRow.knee_id == IndexLine.knee_id)
        .where(FileRow.study_key.in_(studies), stands_in_study(), ReaderGradeRow.withdrawn_at.is_(None))
        .group_by(FileRow.study_key, ReaderGradeRow.reader)
        .order_by(func.min(ReaderGradeRow.id))
    )
    for study, reader, knees in rows:
        found[str(study)][reader] = knees
    return found
