"""Which lines a page of the worklist shows: short walks of the filter index, or the lines of words' candidates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product

from sqlalchemy import ColumnElement, and_, false, or_, select, true, union_all
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import IndexLine
from koa_worker.store.page.reader_grades import is_read
from koa_worker.store.page.worklist_search import Candidates, with_all
from koa_worker.store.page.worklist_values import Cursor, Read, Wanted
from koa_worker.store.records.files import State
from koa_worker.values import GRADES, Side

_FILES_AT_A_TIME = 200

Kind = tuple[State, int | None, Side, bool]


def kinds_of(wanted: Wanted) -> Iterator[Kind]:
    """Each kind of line that the filters let through."""
    states = [state for state in State if not wanted.states or state in wanted.states]
    grades = [kl for kl in GRADES if not wanted.grades or kl in wanted.grades]
    sides = [side for side in Side if not wanted.sides or side in wanted.sides]
    reviews = [wanted.review] if wanted.review is not None else [True, False]
    for state in states:
        if state is State.COMPLETED:
            yield from product([state], grades, sides, reviews)
        elif not wanted.grades and not wanted.sides and wanted.review is None and wanted.read is None:
            yield (state, None, Side.UNKNOWN, False)


def is_kind(kind: Kind) -> ColumnElement[bool]:
    state, kl, side, review = kind
    return and_(
        IndexLine.stands == true(),
        IndexLine.state == state,
        IndexLine.kl == kl if kl is not None else IndexLine.kl.is_(None),
        IndexLine.side == side,
        IndexLine.needs_review == (true() if review else false()),
    )


def place_of(key: Cursor, wanted: Wanted) -> tuple[bool, datetime, int]:
    """Where a line stands in the list: the highest first."""
    return (key.needs_review and wanted.review_first, key.at, key.id)


def in_part(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the filters ask of a line besides its kind: its time of arrival, and who has read its knee."""
    arrived = IndexLine.arrived_at
    asked = [arrived >= wanted.since] if wanted.since else []
    asked += [arrived < wanted.until] if wanted.until else []
    reads = {
        Read.UNREAD: ~is_read(by=wanted.reader),
        Read.DONE: is_read(by=wanted.reader),
        Read.NOBODY: ~is_read(),
    }
    return asked + ([reads[wanted.read]] if wanted.read else [])


def keys_of(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, *, upwards: bool = False
) -> list[Cursor]:
    """One more line than `limit` behind the cursor, the highest first; or before it, the lowest first."""
    ways = [_ahead(cursor, wanted, kind) if upwards else _behind(cursor, wanted, kind) for kind in kinds_of(wanted)]
    order = [IndexLine.arrived_at, IndexLine.id] if upwards else [IndexLine.arrived_at.desc(), IndexLine.id.desc()]
    walks = [
        select(IndexLine.id, IndexLine.arrived_at, IndexLine.needs_review)
        .where(is_kind(kind), *in_part(wanted), *way)
        .order_by(*order)
        .limit(limit + 1)
        .subquery()
        for kind, way in zip(kinds_of(wanted), ways, strict=True)
        if way is not None
    ]
    if not walks:
        return []
    merged = union_all(*(select(walk.c.id, walk.c.arrived_at, walk.c.needs_review) for walk in walks)).subquery()
    columns = ([merged.c.needs_review] if wanted.review_first else []) + [merged.c.arrived_at, merged.c.id]
    ordered = select(merged).order_by(*(column if upwards else column.desc() for column in columns)).limit(limit + 1)
    return [Cursor(bool(row.needs_review), row.arrived_at, row.id) for row in session.execute(ordered)]


def _behind(cursor: Cursor | None, wanted: Wanted, kind: Kind) -> list[ColumnElement[bool]] | None:
    """The condition of a line of this kind that stands behind the cursor; None if there can be none."""
    if cursor is None or (wanted.review_first and cursor.needs_review and not kind[3]):
        return []
    if wanted.review_first and kind[3] and not cursor.needs_review:
        return None
    return [IndexLine.arrived_at <= cursor.at, or_(IndexLine.arrived_at < cursor.at, IndexLine.id < cursor.id)]


def _ahead(cursor: Cursor | None, wanted: Wanted, kind: Kind) -> list[ColumnElement[bool]] | None:
    """The same of a line that stands before the cursor."""
    if cursor is None or (wanted.review_first and cursor.needs_review and not kind[3]):
        return None
    if wanted.review_first and kind[3] and not cursor.needs_review:
        return []
    return [IndexLine.arrived_at >= cursor.at, or_(IndexLine.arrived_at > cursor.at, IndexLine.id > cursor.id)]


def keys_by_word(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, found: Candidates, *, may_see_patients: bool
) -> list[Cursor]:
    """The candidates' lines. There are a few thousand at most, so the filters look at each."""
    kinds = set(kinds_of(wanted))
    keys: list[Cursor] = []
    for start in range(0, len(found.file_ids), _FILES_AT_A_TIME):
        newest = found.file_ids[start : start + _FILES_AT_A_TIME]
        chunk = with_all(session, newest, found.others, may_see_patients=may_see_patients)
        lines = session.execute(
            select(
                IndexLine.id,
                IndexLine.arrived_at,
                IndexLine.needs_review,
                IndexLine.state,
                IndexLine.kl,
                IndexLine.side,
            ).where(IndexLine.file_id.in_(chunk), IndexLine.stands == true(), *in_part(wanted))
        ).all()
        for line in lines:
            key = Cursor(line.needs_review, line.arrived_at, line.id)
            is_wanted = (line.state, line.kl, line.side, line.needs_review) in kinds
            if is_wanted and (cursor is None or place_of(key, wanted) < place_of(cursor, wanted)):
                keys.append(key)
        keys = sorted(keys, key=lambda key: place_of(key, wanted), reverse=True)[: limit + 1]
        oldest = min((line.arrived_at for line in lines), default=None)
        # What comes in the next chunks is older, and behind what is here already.
        if len(keys) > limit and not wanted.review_first and oldest is not None and oldest < keys[-1].at:
            break
    return keys
