"""The worklist with one entry for each study, and the step from one study to the next.

A study is at the position of the newest of its lines that pass the filters; in a list by review, of the newest with a
flag. Its other lines are skipped. As a page may begin anywhere, the database decides this, not the earlier pages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import AssignmentRow, ChangedDay, EventRow, FileRow, IndexLine, ReaderGradeRow
from koa_worker.store.page.reader_grades import stands_in_study
from koa_worker.store.page.worklist_content import EntryPlace, entries_of
from koa_worker.store.page.worklist_few import Few, few_of, found_by_words, places_of
from koa_worker.store.page.worklist_lines import (
    find_line,
    in_part,
    keys_of,
    kinds_of,
    values_of,
)
from koa_worker.store.page.worklist_order import COLUMNS
from koa_worker.store.page.worklist_search import candidates
from koa_worker.store.page.worklist_values import (
    Cursor,
    EntryPage,
    Neighbours,
    Read,
    Sort,
    Wanted,
)
from koa_worker.store.records.files import State

_LINES_OF_A_STUDY = 2  # usual number
_FEWEST = 20  # lines that are read at once


class WorklistEntries(StorePart):
    """Studies, and files without a graded knee."""

    @reads
    def page(
        self,
        session: Session,
        wanted: Wanted,
        cursor: Cursor | None = None,
        limit: int = 50,
        *,
        may_see_patients: bool = False,
    ) -> EntryPage:
        """At most `limit` entries after the cursor, and the start of the next page."""
        few = _few(session, wanted, may_see_patients=may_see_patients)
        if cursor is not None and wanted.sort is not Sort.ARRIVED:
            cursor = find_line(session, wanted, cursor.id)  # None, and thus the first page, if the line does not exist
        places = _places(session, wanted, cursor, limit, few)
        shown = places[:limit]
        entries = entries_of(session, shown, may_see_patients=may_see_patients)
        further = shown[-1].key if len(places) > limit else None
        return EntryPage(entries, further, too_many=few is not None and few.too_many)

    @reads
    def around(self, session: Session, wanted: Wanted, key: str, *, may_see_patients: bool = False) -> Neighbours:
        """The studies before and after this one in the list."""
        graded = replace(wanted, states=frozenset({State.COMPLETED}))
        place = _highest(session, key, wanted)
        if place is None or (wanted.states and State.COMPLETED not in wanted.states):
            return Neighbours(None, None)
        few = _few(session, graded, may_see_patients=may_see_patients)
        return Neighbours(*(_nearest(session, graded, place, key, few, upwards=upwards) for upwards in (True, False)))

    @reads
    def next_unread(
        self, session: Session, wanted: Wanted, key: str, reader: str, *, may_see_patients: bool = False
    ) -> str | None:
        """The next study in the list with a knee that the reader has not graded; after the last one, the first."""
        unread = replace(wanted, states=frozenset({State.COMPLETED}), read=Read.UNREAD, reader=reader)
        few = _few(session, unread, may_see_patients=may_see_patients)
        behind = _nearest(session, unread, _highest(session, key, wanted), key, few)
        return behind or _nearest(session, unread, None, key, few)

    @reads
    def stamp(self, session: Session) -> str:
        """A text that changes with every change of the worklist's content."""
        newest = (
            select(func.max(EventRow.id)).scalar_subquery(),
            select(func.max(EventRow.at)).scalar_subquery(),  # the ids that an erasure frees are given again
            select(func.max(ReaderGradeRow.id)).scalar_subquery(),
            select(func.max(ReaderGradeRow.withdrawn_at)).scalar_subquery(),
            select(func.max(AssignmentRow.id)).scalar_subquery(),
            select(func.max(AssignmentRow.ended_at)).scalar_subquery(),
            select(func.max(ChangedDay.id)).scalar_subquery(),  # an erasure leaves no event, but marks its days
        )
        return " ".join(map(str, session.execute(select(*newest)).one()))


def _few(session: Session, wanted: Wanted, *, may_see_patients: bool) -> Few | None:
    """The lines of a search or a narrow filter, which the database sorts; None if an index is scanned instead."""
    if not wanted.text.strip():
        return few_of(session, wanted)
    found = candidates(session, wanted, may_see_patients=may_see_patients)
    return found_by_words(session, found, may_see_patients=may_see_patients)


def _height(key: Cursor, wanted: Wanted) -> tuple[bool, datetime, int]:
    """The position of a study is that of its highest line, in either direction of the list."""
    return (key.needs_review and wanted.sort is Sort.REVIEW, key.at, key.id)


def _places(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, few: Few | None, *, upwards: bool = False
) -> list[EntryPlace]:
    """One more position than `limit` after the cursor, in the order of the list; or before it, the nearest first."""
    if few is not None:
        return places_of(session, few, wanted, cursor, limit, upwards=upwards)
    places: list[EntryPlace] = []
    at_once = max((limit + 1) * _LINES_OF_A_STUDY, _FEWEST)
    while len(places) <= limit:
        keys = keys_of(session, wanted, cursor, at_once, upwards=upwards)
        shown = keys[:at_once]
        studies = _studies(session, [key.id for key in shown])
        highest = _highest_lines(session, wanted, {key for key in studies.values() if key})
        places += [
            EntryPlace(key, study)
            for key in shown
            if (study := studies[key.id]) is None or study not in highest or highest[study].id == key.id
        ]
        if len(keys) <= at_once:
            break
        cursor = shown[-1]
    return places[: limit + 1]


def _nearest(
    session: Session,
    wanted: Wanted,
    cursor: Cursor | None,
    besides: str,
    few: Few | None,
    *,
    upwards: bool = False,
) -> str | None:
    """The nearest study beyond the cursor."""
    places = _places(session, wanted, cursor, 1, few, upwards=upwards)
    return next((place.study for place in places if place.study and place.study != besides), None)


def _studies(session: Session, lines: Collection[int]) -> Mapping[int, str | None]:
    """The study of each line of a knee; None for a line of a file."""
    rows = session.execute(
        select(IndexLine.id, IndexLine.knee_id, FileRow.study_key)
        .join(FileRow, FileRow.id == IndexLine.file_id)
        .where(IndexLine.id.in_(lines))
    )
    return {row.id: row.study_key if row.knee_id is not None else None for row in rows}


def _highest_lines(session: Session, wanted: Wanted, studies: Collection[str]) -> Mapping[str, Cursor]:
    """The highest line of each study among those that pass the filters."""
    if not studies:
        return {}  # SQLite walks all lines to find that they are in none of no studies
    kinds = set(kinds_of(wanted))
    lines = session.execute(
        select(IndexLine, FileRow.study_key)
        .join(FileRow, FileRow.id == IndexLine.file_id)
        .where(FileRow.study_key.in_(studies), stands_in_study(), IndexLine.knee_id.is_not(None))
        .where(*in_part(wanted)),
        values_of(wanted),
    )
    highest: dict[str, Cursor] = {}
    for line, study in lines:
        if study and (line.state, line.kl, line.side, line.needs_review) in kinds:
            column = COLUMNS[wanted.sort]
            value = getattr(line, column.key) if column is not None else None
            key = Cursor(line.needs_review, line.arrived_at, line.id, value)
            highest[study] = max(highest.get(study, key), key, key=lambda one: _height(one, wanted))
    return highest


def _highest(session: Session, study: str, wanted: Wanted) -> Cursor | None:
    """The position of a study in a list of this order without filters."""
    return _highest_lines(session, Wanted(sort=wanted.sort, backwards=wanted.backwards), [study]).get(study)
