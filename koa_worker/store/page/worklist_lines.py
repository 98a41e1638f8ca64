"""The lines that a page of the worklist shows: from short scans of an index, or from the candidates of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, null, select, true, union_all
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import AssignmentRow, FileRow, IndexLine, ReaderGradeRow
from koa_worker.store.page.reader_grades import is_read, stands_in_study
from koa_worker.store.page.worklist_order import COLUMNS, WALKED_BY_KIND, Stretch, in_order, is_beyond, rank, stretches
from koa_worker.store.page.worklist_search import Candidates, with_all
from koa_worker.store.page.worklist_values import Assigned, Cursor, Read, Sort, Wanted
from koa_worker.store.records.files import State
from koa_worker.values import GRADES, Side

_FILES_AT_A_TIME = 200
FEW = 5_000  # lines to sort in memory: with so few, scanning an index until a page is full would take longer
FEW_OF_READER = 20_000  # the same for lines from a reader's assignments or readings

Kind = tuple[State, int | None, Side, bool]


def kinds_of(wanted: Wanted) -> Iterator[Kind]:
    """Each kind of line that passes the filters."""
    states = [state for state in State if not wanted.states or state in wanted.states]
    grades = [kl for kl in GRADES if not wanted.grades or kl in wanted.grades]
    sides = [side for side in Side if not wanted.sides or side in wanted.sides]
    reviews = [wanted.review] if wanted.review is not None else [True, False]
    for state in states:
        if state is State.COMPLETED:
            yield from product([state], grades, sides, reviews)
        elif not _asks_for_knees(wanted):
            yield (state, None, Side.UNKNOWN, False)


def _asks_for_knees(wanted: Wanted) -> bool:
    """Whether only lines of knees pass the filters."""
    asked = (wanted.review, wanted.read, wanted.assigned)
    return bool(wanted.grades or wanted.sides) or any(one is not None for one in asked)


def is_kind(kind: Kind) -> ColumnElement[bool]:
    state, kl, side, review = kind
    return and_(
        IndexLine.stands == true(),
        IndexLine.state == state,
        IndexLine.kl == kl if kl is not None else IndexLine.kl.is_(None),
        IndexLine.side == side,
        IndexLine.needs_review == (true() if review else false()),
    )


def in_part(wanted: Wanted) -> list[ColumnElement[bool]]:
    """The conditions of the filters besides the kind: time of arrival, readers of the knee, assignment."""
    arrived = IndexLine.arrived_at
    asked = [arrived >= wanted.since] if wanted.since else []
    asked += [arrived < wanted.until] if wanted.until else []
    reads = {
        Read.UNREAD: ~is_read(by=wanted.reader),
        Read.DONE: is_read(by=wanted.reader),
        Read.NOBODY: ~is_read(),
    }
    asked += [reads[wanted.read]] if wanted.read else []
    if wanted.assigned is Assigned.NOBODY:
        asked.append(~_is_assigned())
    return asked + (
        [_is_assigned(AssignmentRow.reader == wanted.assignee)] if wanted.assigned is Assigned.READER else []
    )


def _is_assigned(*to: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the study of a line is assigned to somebody, or to this reader."""
    return exists().where(
        FileRow.id == IndexLine.file_id,
        AssignmentRow.study_key == FileRow.study_key,
        AssignmentRow.ended_at.is_(None),
        *to,
    )


def _shown(wanted: Wanted) -> tuple[Any, ...]:
    """The columns of a line that give its position."""
    column = COLUMNS[wanted.sort]
    value = null() if column is None else column
    return (IndexLine.id, IndexLine.arrived_at, IndexLine.needs_review, value.label("value"))


def _key(row: Any, wanted: Wanted) -> Cursor:
    value = bool(row.value) if wanted.sort is Sort.REVIEW else row.value
    return Cursor(bool(row.needs_review), row.arrived_at, row.id, value)


def find_line(session: Session, wanted: Wanted, number: int) -> Cursor | None:
    """The position of the line with this number in a list of this order."""
    row = session.execute(select(*_shown(wanted)).where(IndexLine.id == number)).first()
    return _key(row, wanted) if row else None


def keys_of(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, *, upwards: bool = False
) -> list[Cursor]:
    """One more line than `limit` after the cursor, in the order of the list; or before it, the nearest first."""
    every = stretches(wanted, upwards=upwards)
    first = rank(cursor, every)[0] if cursor and every else 0
    keys: list[Cursor] = []
    for number in range(first, len(every)):
        behind = [every[number].beyond(cursor)] if cursor and number == first else []
        most = limit + 1 - len(keys)
        ask = _by_kind if wanted.sort in WALKED_BY_KIND else _by_order
        statement = ask(wanted, every[number], behind, most)
        if statement is not None:
            keys += [_key(row, wanted) for row in session.execute(statement)]
        if len(keys) > limit:
            break
    return keys


def _by_kind(
    wanted: Wanted, stretch: Stretch, behind: Sequence[ColumnElement[bool]], most: int
) -> Select[*tuple[Any, ...]] | None:
    """A short scan of the filter index for each kind of line, merged; None if there is no such kind."""
    part = in_part(wanted)
    walks = [
        select(*_shown(wanted)).where(is_kind(kind), *part, *behind).order_by(*stretch.order).limit(most).subquery()
        for kind in kinds_of(wanted)
        if stretch.value is None or kind[3] is stretch.value
    ]
    if not walks:
        return None
    merged = union_all(*(select(walk) for walk in walks)).subquery()
    columns = (merged.c.arrived_at, merged.c.id)
    ordered = select(merged).order_by(*(one.desc() if stretch.falling else one.asc() for one in columns))
    return ordered.limit(most)


def _by_order(
    wanted: Wanted, stretch: Stretch, behind: Sequence[ColumnElement[bool]], most: int
) -> Select[*tuple[Any, ...]]:
    """A scan of the index of the order; it skips the lines that do not pass the filters."""
    fitting = (IndexLine.stands == true(), *stretch.holds, *_fits(wanted), *in_part(wanted), *behind)
    return select(*_shown(wanted)).where(*fitting).order_by(*stretch.order).limit(most)


def _fits(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """The condition that a line is of one of the kinds."""
    if _asks_for_knees(wanted):
        yield IndexLine.state == State.COMPLETED
    if wanted.states:
        yield IndexLine.state.in_(wanted.states)
    if wanted.grades:
        yield IndexLine.kl.in_(wanted.grades)
    if wanted.sides:
        yield IndexLine.side.in_(wanted.sides)
    if wanted.review is not None:
        yield IndexLine.needs_review == (true() if wanted.review else false())


def few_lines(session: Session, wanted: Wanted) -> list[tuple[Cursor, str | None]] | None:
    """All lines that pass the filters, if there are only a few; a line of a knee with its study.

    None if there are more, or if a scan of an index finds a page of them as fast.
    """
    of_file = (*_shown(wanted), IndexLine.knee_id, FileRow.study_key)
    fitting = select(*of_file).join(FileRow, FileRow.id == IndexLine.file_id).where(stands_in_study())
    if wanted.assigned is Assigned.READER:
        mine = (AssignmentRow.reader == wanted.assignee) & AssignmentRow.ended_at.is_(None)
        keys = select(AssignmentRow.study_key).where(mine)
        found, most = fitting.where(FileRow.study_key.in_(keys), *_fits(wanted), *in_part(wanted)), FEW_OF_READER
    elif wanted.read is Read.DONE:
        own = (ReaderGradeRow.reader == wanted.reader) & ReaderGradeRow.withdrawn_at.is_(None)
        knees = select(ReaderGradeRow.knee_id).where(own)
        found, most = fitting.where(IndexLine.knee_id.in_(knees), *_fits(wanted), *in_part(wanted)), FEW_OF_READER
    elif wanted.sort in WALKED_BY_KIND or not _is_filtered(wanted):
        return None
    else:
        part = in_part(wanted)
        kinds = [select(IndexLine.id).where(is_kind(kind), *part) for kind in kinds_of(wanted)]
        if not kinds:
            return []
        numbers = select(union_all(*kinds).limit(FEW + 1).subquery().c.id)
        found, most = fitting.where(IndexLine.id.in_(numbers)), FEW
    rows = session.execute(found.limit(most + 1)).all()
    if len(rows) > most:
        return None
    return [(_key(row, wanted), row.study_key if row.knee_id is not None else None) for row in rows]


def _is_filtered(wanted: Wanted) -> bool:
    return bool(wanted.states or wanted.since or wanted.until) or _asks_for_knees(wanted)


def keys_by_word(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, found: Candidates, *, may_see_patients: bool
) -> list[Cursor]:
    """The candidates' lines. There are a few thousand at most, so that each is filtered."""
    every, kinds = stretches(wanted), set(kinds_of(wanted))
    keys: list[Cursor] = []
    for start in range(0, len(found.file_ids), _FILES_AT_A_TIME):
        newest = found.file_ids[start : start + _FILES_AT_A_TIME]
        chunk = with_all(session, newest, found.others, may_see_patients=may_see_patients)
        lines = session.execute(
            select(*_shown(wanted), IndexLine.state, IndexLine.kl, IndexLine.side).where(
                IndexLine.file_id.in_(chunk), stands_in_study(), *in_part(wanted)
            )
        ).all()
        for line in lines:
            key = _key(line, wanted)
            is_wanted = (line.state, line.kl, line.side, line.needs_review) in kinds
            if is_wanted and (cursor is None or is_beyond(key, cursor, every)):
                keys.append(key)
        keys = in_order(keys, every)[: limit + 1]
        oldest = min((line.arrived_at for line in lines), default=None)
        # The lines of the next chunks are older, and come after those found already.
        is_newest_first = wanted.sort is Sort.ARRIVED and not wanted.backwards
        if len(keys) > limit and is_newest_first and oldest is not None and oldest < keys[-1].at:
            break
    return keys
