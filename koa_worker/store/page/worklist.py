"""A page of the worklist: newest first, by any combination of filters and by words, however long the list is.

No query scans the whole list. A combination of filters becomes one short scan of the filter index for each kind of line
that it allows. Words give a limited number of candidates, newest first. Counting stops at a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select, true, union_all
from sqlalchemy.orm import Session, aliased

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import FileRow, GradeRow, ImageRow, IndexLine, KneeRow, RefusalRow, StudyRow
from koa_worker.store.encoding import review_reasons
from koa_worker.store.page.worklist_search import Candidates, candidates, with_all
from koa_worker.store.page.worklist_values import Cursor, Wanted, WorklistCounts, WorklistPage, WorklistRow
from koa_worker.store.records import State
from koa_worker.store.status import midnight
from koa_worker.study.knees import images_disagree
from koa_worker.values import GRADES, ReviewReason, Side

COUNTED = 10_000  # more are “10,000+”
_FILES_AT_A_TIME = 200


class Worklist(StorePart):
    """Graded knees, and files without any."""

    @reads
    def page(
        self,
        session: Session,
        wanted: Wanted,
        cursor: Cursor | None = None,
        limit: int = 50,
        *,
        may_see_patients: bool = False,
    ) -> WorklistPage:
        """Gives at most `limit` lines after the cursor, and the start of the next page."""
        found = candidates(session, wanted, may_see_patients=may_see_patients) if wanted.text.strip() else None
        if found is None:
            keys = _keys(session, wanted, cursor, limit)
        else:
            keys = _keys_by_word(session, wanted, cursor, limit, found, may_see_patients=may_see_patients)
        shown = keys[:limit]
        rows = _rows(session, [key.id for key in shown], may_see_patients=may_see_patients)
        further = Cursor(shown[-1].needs_review, shown[-1].at, shown[-1].id) if len(keys) > limit else None
        return WorklistPage(rows, further, too_many=found is not None and found.too_many)

    @reads
    def counts(self, session: Session) -> WorklistCounts:
        """The number of files in each state, up to the limit of counting."""
        of_state = {state: _bounded(FileRow.state == state) for state in State}
        parked = _bounded(FileRow.state == State.FAILED, FileRow.next_try_at.is_(None))
        done_today = _bounded(FileRow.state == State.COMPLETED, FileRow.settled_at >= midnight(self.now()))
        kinds = _kinds(Wanted(states=frozenset({State.COMPLETED}), review=True))
        row = session.execute(select(*of_state.values(), parked, done_today, *map(_bounded_lines, kinds))).one()
        states, (parked_count, today_count), review = row[: len(State)], row[len(State) :][:2], row[len(State) + 2 :]
        by_state = dict(zip(State, states, strict=True))
        return WorklistCounts(by_state, parked_count, today_count, min(sum(review), COUNTED), COUNTED)


# A line of a knee counts the knees of its study, and what was refused in its images; another line counts its own file.
_LINE_OF_STUDY, _FILE_OF_STUDY, _IMAGE_OF_STUDY = aliased(IndexLine), aliased(FileRow), aliased(ImageRow)
_GRADED = (
    select(func.count(_LINE_OF_STUDY.knee_id))
    .join(_FILE_OF_STUDY, _FILE_OF_STUDY.id == _LINE_OF_STUDY.file_id)
    .where(_FILE_OF_STUDY.study_key == FileRow.study_key, _LINE_OF_STUDY.stands == true())
    .correlate(FileRow)
    .scalar_subquery()
)
_REFUSED = (
    select(func.count(RefusalRow.position))
    .join(_IMAGE_OF_STUDY, _IMAGE_OF_STUDY.file_id == RefusalRow.file_id)
    .where(_IMAGE_OF_STUDY.study_key == FileRow.study_key)
    .correlate(FileRow)
    .scalar_subquery()
)
_REFUSED_IN_FILE = (
    select(func.count(RefusalRow.position))
    .where(RefusalRow.file_id == IndexLine.file_id)
    .correlate(IndexLine)
    .scalar_subquery()
)
_OF_KNEE = IndexLine.knee_id.is_not(None)
Kind = tuple[State, int | None, Side, bool]


def _kinds(wanted: Wanted) -> Iterator[Kind]:
    """Each kind of line that the filters let through."""
    states = [state for state in State if not wanted.states or state in wanted.states]
    grades = [kl for kl in GRADES if not wanted.grades or kl in wanted.grades]
    sides = [side for side in Side if not wanted.sides or side in wanted.sides]
    reviews = [wanted.review] if wanted.review is not None else [True, False]
    for state in states:
        if state is State.COMPLETED:
            yield from product([state], grades, sides, reviews)
        elif not wanted.grades and not wanted.sides and wanted.review is None:
            yield (state, None, Side.UNKNOWN, False)


def _is_kind(kind: Kind) -> ColumnElement[bool]:
    state, kl, side, review = kind
    return and_(
        IndexLine.stands == true(),
        IndexLine.state == state,
        IndexLine.kl == kl if kl is not None else IndexLine.kl.is_(None),
        IndexLine.side == side,
        IndexLine.needs_review == (true() if review else false()),
    )


def _keys(session: Session, wanted: Wanted, cursor: Cursor | None, limit: int) -> list[Cursor]:
    walks = [
        select(IndexLine.id, IndexLine.arrived_at, IndexLine.needs_review)
        .where(_is_kind(kind), *_in_time(wanted), *_behind(cursor, wanted, review=kind[3]))
        .order_by(IndexLine.arrived_at.desc(), IndexLine.id.desc())
        .limit(limit + 1)
        .subquery()
        for kind in _kinds(wanted)
        if not (cursor and wanted.review_first and kind[3] and not cursor.needs_review)
    ]
    if not walks:
        return []
    merged = union_all(*(select(walk.c.id, walk.c.arrived_at, walk.c.needs_review) for walk in walks)).subquery()
    first = [merged.c.needs_review.desc()] if wanted.review_first else []
    ordered = select(merged).order_by(*first, merged.c.arrived_at.desc(), merged.c.id.desc()).limit(limit + 1)
    return [Cursor(bool(row.needs_review), row.arrived_at, row.id) for row in session.execute(ordered)]


def _in_time(wanted: Wanted) -> list[ColumnElement[bool]]:
    since = [IndexLine.arrived_at >= wanted.since] if wanted.since else []
    return since + ([IndexLine.arrived_at < wanted.until] if wanted.until else [])


def _behind(cursor: Cursor | None, wanted: Wanted, *, review: bool) -> list[ColumnElement[bool]]:
    if cursor is None or (wanted.review_first and cursor.needs_review and not review):
        return []
    return [IndexLine.arrived_at <= cursor.at, or_(IndexLine.arrived_at < cursor.at, IndexLine.id < cursor.id)]


def _keys_by_word(
    session: Session, wanted: Wanted, cursor: Cursor | None, limit: int, found: Candidates, *, may_see_patients: bool
) -> list[Cursor]:
    """The candidates' lines. There are a few thousand at most, so the filters look at each."""
    kinds = set(_kinds(wanted))

    def place(key: Cursor) -> tuple[bool, datetime, int]:
        return (key.needs_review and wanted.review_first, key.at, key.id)

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
            ).where(IndexLine.file_id.in_(chunk), IndexLine.stands == true(), *_in_time(wanted))
        ).all()
        for line in lines:
            key = Cursor(line.needs_review, line.arrived_at, line.id)
            is_wanted = (line.state, line.kl, line.side, line.needs_review) in kinds
            if is_wanted and (cursor is None or place(key) < place(cursor)):
                keys.append(key)
        keys = sorted(keys, key=place, reverse=True)[: limit + 1]
        oldest = min((line.arrived_at for line in lines), default=None)
        # What comes in the next chunks is older, and behind what is here already.
        if len(keys) > limit and not wanted.review_first and oldest is not None and oldest < keys[-1].at:
            break
    return keys


def _rows(session: Session, ids: Sequence[int], *, may_see_patients: bool) -> tuple[WorklistRow, ...]:
    found = session.execute(
        select(
            IndexLine,
            FileRow,
            StudyRow,
            ImageRow.view,
            GradeRow.oa_probability,
            GradeRow.review_reasons,
            case((_OF_KNEE, _GRADED), else_=0),
            case((_OF_KNEE, _REFUSED), else_=_REFUSED_IN_FILE),
        )
        .join(FileRow, FileRow.id == IndexLine.file_id)
        .outerjoin(StudyRow, StudyRow.key == FileRow.study_key)
        .outerjoin(ImageRow, ImageRow.file_id == IndexLine.file_id)
        .outerjoin(KneeRow, KneeRow.id == IndexLine.knee_id)
        .outerjoin(GradeRow, and_(GradeRow.knee_id == KneeRow.id, GradeRow.is_current))
        .where(IndexLine.id.in_(ids))
    )
    by_id = {
        line.id: WorklistRow(
            file_id=file.id,
            study_key=file.study_key,
            state=line.state,
            code=line.code,
            arrived_at=line.arrived_at,
            settled_at=file.settled_at,
            duplicate_of=file.duplicate_of,
            file_name=file.name if may_see_patients else "",
            patient_name=study.patient_name if study and may_see_patients else "",
            patient_id=study.patient_id if study and may_see_patients else "",
            description=study.description if study and may_see_patients else "",
            study_date=study.date if study and may_see_patients else None,
            view=view or "",
            side=line.side,
            kl=line.kl,
            confidence=line.confidence,
            oa_probability=oa_probability,
            review_reasons=(*_disagreement(line), *review_reasons.from_json(reasons or ())),
            graded=graded,
            refused=refused,
            images=line.images,
            lowest_kl=line.lowest_kl,
            highest_kl=line.highest_kl,
        )
        for line, file, study, view, oa_probability, reasons, graded, refused in found
    }
    return tuple(by_id[number] for number in ids if number in by_id)


def _disagreement(line: IndexLine) -> tuple[ReviewReason, ...]:
    """A reason to look where the images of the line's knee disagree."""
    if line.lowest_kl is None or line.highest_kl is None:
        return ()
    return images_disagree(line.lowest_kl, line.highest_kl)


def _bounded(*chosen: ColumnElement[bool]) -> ColumnElement[int]:
    return _count_of(select(literal(1)).select_from(FileRow).where(*chosen))


def _bounded_lines(kind: Kind) -> ColumnElement[int]:
    return _count_of(select(literal(1)).select_from(IndexLine).where(_is_kind(kind)))


def _count_of(chosen: Select[int]) -> ColumnElement[int]:
    return select(func.count()).select_from(chosen.limit(COUNTED).subquery()).scalar_subquery()
