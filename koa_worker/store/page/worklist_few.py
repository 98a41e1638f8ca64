"""A list of few lines, of a narrow filter or a search: the database sorts all of them and gives a page of studies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, false, func, select, union_all
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import AssignmentRow, FileRow, IndexLine, ReaderGradeRow
from koa_worker.store.page.reader_grades import stands_in_study
from koa_worker.store.page.worklist_content import EntryPlace
from koa_worker.store.page.worklist_lines import (
    ASSIGNEE,
    MOST,
    READER,
    STATEMENTS,
    columns_of,
    fits,
    in_part,
    is_filtered,
    is_kind,
    key_of,
    kinds_of,
    shape_of,
    values_of,
)
from koa_worker.store.page.worklist_order import WALKED_BY_KIND, all_in_order, is_beyond_in, place_of, rank, stretches
from koa_worker.store.page.worklist_search import Candidates, with_all
from koa_worker.store.page.worklist_values import Assigned, Cursor, Read, Sort, Wanted

FEW = 5_000  # lines to sort: with so few, scanning an index until a page is full would take longer
FEW_OF_READER = 20_000  # the same for lines from a reader's assignments or readings
_FILES_AT_A_TIME = 200
_LINES_OF_A_STUDY = 2  # usual number

_ASSIGNED = select(AssignmentRow.study_key).where(AssignmentRow.reader == ASSIGNEE, AssignmentRow.ended_at.is_(None))
_READ = select(ReaderGradeRow.knee_id).where(ReaderGradeRow.reader == READER, ReaderGradeRow.withdrawn_at.is_(None))


class LineSource(Enum):
    """What the lines are found by."""

    KINDS = auto()
    ASSIGNMENTS = auto()
    READINGS = auto()
    FILES = auto()


@dataclass(frozen=True, slots=True)
class Few:
    """The lines of a narrow filter or of a search."""

    source: LineSource
    files: tuple[str, ...] = ()
    too_many: bool = False  # the words match more files than were searched


def few_of(session: Session, wanted: Wanted) -> Few | None:
    """The lines that pass the filters; None if they are not few, or if an index gives a page of them as fast."""
    values = values_of(wanted)
    if wanted.assigned is Assigned.READER:
        most = FEW_OF_READER // _LINES_OF_A_STUDY
        return Few(LineSource.ASSIGNMENTS) if _is_at_most(session, _ASSIGNED, most, values) else None
    if wanted.read is Read.DONE:
        return Few(LineSource.READINGS) if _is_at_most(session, _READ, FEW_OF_READER, values) else None
    if wanted.sort in WALKED_BY_KIND or not is_filtered(wanted):
        return None
    # The readers of each line are not looked at: that would cost as much as the scan that it would spare.
    return Few(LineSource.KINDS) if _is_at_most(session, _of_kinds(shape_of(wanted)), FEW, values) else None


def found_by_words(session: Session, found: Candidates, *, may_see_patients: bool) -> Few:
    """The lines of the files that have all words."""
    files: list[str] = []
    for start in range(0, len(found.file_ids), _FILES_AT_A_TIME):
        some = found.file_ids[start : start + _FILES_AT_A_TIME]
        files += with_all(session, some, found.others, may_see_patients=may_see_patients)
    return Few(LineSource.FILES, tuple(files), found.too_many)


def places_of(
    session: Session, few: Few, wanted: Wanted, cursor: Cursor | None, limit: int, *, upwards: bool = False
) -> list[EntryPlace]:
    """One more place than `limit` after the cursor, in the order of the list; or before it, the nearest first.

    A study is at the position of its highest line, in either direction of the list.
    """
    every = stretches(wanted, upwards=upwards)
    if not every or (few.source is LineSource.FILES and not few.files):
        return []
    behind = rank(cursor, every)[0] if cursor else None
    statement = _sorted(shape_of(wanted), few.source, upwards=upwards, behind=behind)
    values = {**values_of(wanted), **(place_of(cursor) if cursor else {}), "files": few.files, "most": limit + 1}
    return [EntryPlace(key_of(row, wanted), row.study) for row in session.execute(statement, values)]


@lru_cache(maxsize=STATEMENTS)
def _sorted(shape: Wanted, source: LineSource, *, upwards: bool, behind: int | None) -> Select[*tuple[Any, ...]]:
    """The statement for these lines: each study once, by the number of its line, its highest one being the first."""
    every = stretches(shape, upwards=upwards)
    study = case((IndexLine.knee_id.is_not(None), FileRow.study_key))
    flagged = [IndexLine.needs_review.desc()] if shape.sort is Sort.REVIEW else []
    number = func.row_number().over(
        partition_by=[study, case((study.is_(None), IndexLine.id))],
        order_by=[*flagged, IndexLine.arrived_at.desc(), IndexLine.id.desc()],
    )
    lines = (
        select(IndexLine.id, study.label("study"), number.label("number"))
        .join(FileRow, FileRow.id == IndexLine.file_id)
        .where(stands_in_study(), *_conditions(shape, source))
        .subquery()
    )
    beyond = [] if behind is None else [is_beyond_in(every, behind)]
    return (
        select(*columns_of(shape), lines.c.study)
        .join(lines, lines.c.id == IndexLine.id)
        .where(lines.c.number == 1, *beyond)
        .order_by(*all_in_order(every))
        .limit(MOST)
    )


def _conditions(shape: Wanted, source: LineSource) -> list[ColumnElement[bool]]:
    """The conditions of the filters, and first of all that by which the lines are found."""
    if source is LineSource.KINDS:
        return [IndexLine.id.in_(_of_kinds(shape)), *in_part(replace(shape, since=None, until=None))]
    if source is LineSource.FILES:
        return [IndexLine.file_id.in_(bindparam("files", expanding=True)), *fits(shape), *in_part(shape)]
    if source is LineSource.ASSIGNMENTS:
        return [FileRow.study_key.in_(_ASSIGNED), *fits(shape), *in_part(replace(shape, assigned=None))]
    return [IndexLine.knee_id.in_(_READ), *fits(shape), *in_part(replace(shape, read=None))]


@lru_cache(maxsize=STATEMENTS)
def _of_kinds(shape: Wanted) -> Select[int]:
    """The lines of each kind that arrived at the time that was asked for, by the index of the filters alone."""
    part = in_part(replace(shape, read=None, assigned=None))
    kinds = [select(IndexLine.id).where(is_kind(kind), *part) for kind in kinds_of(shape)]
    lines = union_all(*kinds or [select(IndexLine.id).where(false())]).subquery()
    return select(lines.c.id)


def _is_at_most(session: Session, found: Select[Any], most: int, values: Mapping[str, Any]) -> bool:
    """Whether a query gives no more rows than this; it is not read any further."""
    return (session.scalar(_counted(found), {**values, "most": most + 1}) or 0) <= most


@lru_cache(maxsize=STATEMENTS)
def _counted(found: Select[Any]) -> Select[int]:
    return select(func.count()).select_from(found.limit(MOST).subquery())
