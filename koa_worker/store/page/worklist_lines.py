"""The lines that a page of the worklist shows: from short scans of an index, or from the candidates of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Executable,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    exists,
    false,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from koa_worker.store.database.columns import Moment
from koa_worker.store.database.schema import AssignmentRow, FileRow, IndexLine
from koa_worker.store.page.reader_grades import is_read, stands_in_study
from koa_worker.store.page.worklist_order import (
    COLUMNS,
    WALKED_BY_KIND,
    Stretch,
    in_order,
    is_beyond,
    place_of,
    rank,
    stretches,
)
from koa_worker.store.page.worklist_search import Candidates, with_all
from koa_worker.store.page.worklist_values import Assigned, Cursor, Read, Sort, Wanted
from koa_worker.store.records.files import State
from koa_worker.values import GRADES, Side

_FILES_AT_A_TIME = 200
STATEMENTS = 200  # of each kind that are kept, of all combinations of filters and orders

_SINCE, _UNTIL = (bindparam(name, type_=Moment) for name in ("since", "until"))
READER, ASSIGNEE = (bindparam(name, type_=String) for name in ("reader", "assignee"))
MOST = bindparam("most", type_=Integer)
_SOME_TIME = datetime.min.replace(tzinfo=UTC)

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
    """The conditions of the filters besides the kind: time of arrival, readers of the knee, assignment.

    A statement with them needs the parameters of `values_of`.
    """
    arrived = IndexLine.arrived_at
    asked = [arrived >= _SINCE] if wanted.since else []
    asked += [arrived < _UNTIL] if wanted.until else []
    reads = {Read.UNREAD: ~is_read(by=READER), Read.DONE: is_read(by=READER), Read.NOBODY: ~is_read()}
    asked += [reads[wanted.read]] if wanted.read else []
    if wanted.assigned is Assigned.NOBODY:
        asked.append(~_is_assigned())
    return asked + ([_is_assigned(AssignmentRow.reader == ASSIGNEE)] if wanted.assigned is Assigned.READER else [])


def values_of(wanted: Wanted) -> dict[str, Any]:
    """The parameters of the conditions of `in_part`."""
    return {name: getattr(wanted, name) for name in ("since", "until", "reader", "assignee")}


def shape_of(wanted: Wanted) -> Wanted:
    """The filters without their parameters: what is alike for all statements that differ in nothing else."""
    since, until = wanted.since and _SOME_TIME, wanted.until and _SOME_TIME
    return replace(wanted, text="", since=since, until=until, reader="", assignee="")


def _is_assigned(*to: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the study of a line is assigned to somebody, or to this reader."""
    return exists().where(
        FileRow.id == IndexLine.file_id,
        AssignmentRow.study_key == FileRow.study_key,
        AssignmentRow.ended_at.is_(None),
        *to,
    )


def columns_of(wanted: Wanted) -> tuple[Any, ...]:
    """The columns of a line that give its position."""
    column = COLUMNS[wanted.sort]
    value = null() if column is None else column
    return (IndexLine.id, IndexLine.arrived_at, IndexLine.needs_review, value.label("value"))


def key_of(row: Any, wanted: Wanted) -> Cursor:
    value = bool(row.value) if wanted.sort is Sort.REVIEW else row.value
    return Cursor(bool(row.needs_review), row.arrived_at, row.id, value)


def find_line(session: Session, wanted: Wanted, number: int) -> Cursor | None:
    """The position of the line with this number in a list of this order."""
    row = session.execute(select(*columns_of(wanted)).where(IndexLine.id == number)).first()
    return key_of(row, wanted) if row else None


def keys_of(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, *, upwards: bool = False
) -> list[Cursor]:
    """One more line than `limit` after the cursor, in the order of the list; or before it, the nearest first."""
    every = stretches(wanted, upwards=upwards)
    first = rank(cursor, every)[0] if cursor and every else 0
    values = values_of(wanted) | (place_of(cursor) if cursor else {})
    keys: list[Cursor] = []
    for number in range(first, len(every)):
        statement = _walk(shape_of(wanted), number, upwards=upwards, is_behind=cursor is not None and number == first)
        if statement is not None:
            rows = session.execute(statement, {**values, "most": limit + 1 - len(keys)})
            keys += [key_of(row, wanted) for row in rows]
        if len(keys) > limit:
            break
    return keys


# To build the largest of them takes a third of the time of a page.
@lru_cache(maxsize=STATEMENTS)
def _walk(shape: Wanted, number: int, *, upwards: bool, is_behind: bool) -> Executable | None:
    """The statement for one stretch of a list."""
    stretch = stretches(shape, upwards=upwards)[number]
    behind = [stretch.beyond] if is_behind else []
    return _by_kind(shape, stretch, behind) if shape.sort in WALKED_BY_KIND else _by_order(shape, stretch, behind)


def _by_kind(
    wanted: Wanted, stretch: Stretch, behind: Sequence[ColumnElement[bool]]
) -> CompoundSelect[*tuple[Any, ...]] | None:
    """A scan of the filter index for each kind of line; None if there is no such kind.

    The database merges the scans, each of which is in the order of the page, and reads no further than the page needs.
    """
    part = in_part(wanted)
    walks = [
        select(*columns_of(wanted)).where(is_kind(kind), *part, *behind)
        for kind in kinds_of(wanted)
        if stretch.value is None or kind[3] is stretch.value
    ]
    if not walks:
        return None
    merged = union_all(*walks)
    columns = (merged.selected_columns.arrived_at, merged.selected_columns.id)
    return merged.order_by(*(one.desc() if stretch.falling else one.asc() for one in columns)).limit(MOST)


def _by_order(wanted: Wanted, stretch: Stretch, behind: Sequence[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    """A scan of the index of the order; it skips the lines that do not pass the filters."""
    fitting = (IndexLine.stands == true(), *stretch.holds, *fits(wanted), *in_part(wanted), *behind)
    return select(*columns_of(wanted)).where(*fitting).order_by(*stretch.order).limit(MOST)


def fits(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
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


def is_filtered(wanted: Wanted) -> bool:
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
            select(*columns_of(wanted), IndexLine.state, IndexLine.kl, IndexLine.side).where(
                IndexLine.file_id.in_(chunk), stands_in_study(), *in_part(wanted)
            ),
            values_of(wanted),
        ).all()
        for line in lines:
            key = key_of(line, wanted)
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
