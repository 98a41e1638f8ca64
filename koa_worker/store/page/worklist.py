"""A page of the worklist: newest first, by any combination of filters and by words, for a list of any length.

No query reads the whole list. A combination of filters becomes one short scan of the filter index for each kind of line
that it allows. Words give a limited number of candidates, newest first. What is counted is counted in an index, without
its rows: a million files take about a twentieth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select, true
from sqlalchemy.orm import Session, aliased

from koa_worker.store.counts.status import midnight
from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.columns import Moment
from koa_worker.store.database.schema import (
    FileRow,
    GradeRow,
    ImageRow,
    IndexLine,
    KneeRow,
    ReaderGradeRow,
    RefusalRow,
    StudyRow,
)
from koa_worker.store.encoding import review_reasons
from koa_worker.store.page.reader_grades import stands_in_study
from koa_worker.store.page.worklist_lines import find_line, keys_by_word, keys_of
from koa_worker.store.page.worklist_search import candidates
from koa_worker.store.page.worklist_values import Cursor, Sort, Wanted, WorklistCounts, WorklistPage, WorklistRow
from koa_worker.store.records.files import State
from koa_worker.study.knees import images_disagree
from koa_worker.values import GRADES, ReviewReason, Side


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
        if cursor is not None and wanted.sort is not Sort.ARRIVED:
            cursor = find_line(session, wanted, cursor.id)
        found = candidates(session, wanted, may_see_patients=may_see_patients) if wanted.text.strip() else None
        if found is None:
            keys = keys_of(session, wanted, cursor, limit)
        else:
            keys = keys_by_word(session, wanted, cursor, limit, found, may_see_patients=may_see_patients)
        shown = keys[:limit]
        rows = rows_of(session, [key.id for key in shown], may_see_patients=may_see_patients)
        further = shown[-1] if len(keys) > limit else None
        return WorklistPage(rows, further, too_many=found is not None and found.too_many)

    @reads
    def counts(self, session: Session) -> WorklistCounts:
        """The number of files in each state, and of the knees with a flag."""
        row = session.execute(_COUNTED, {"midnight": midnight(self.now())}).one()
        *states, parked, done_today, flagged, read = row
        return WorklistCounts(dict(zip(State, states, strict=True)), parked, done_today, flagged, flagged - read)


# A line of a knee counts the graded and refused knees of its study; a line of a file counts those of the file.
_LINE_OF_STUDY, _FILE_OF_STUDY, _IMAGE_OF_STUDY = aliased(IndexLine), aliased(FileRow), aliased(ImageRow)
_GRADED = (
    select(func.count(_LINE_OF_STUDY.knee_id))
    .join(_FILE_OF_STUDY, _FILE_OF_STUDY.id == _LINE_OF_STUDY.file_id)
    .where(_FILE_OF_STUDY.study_key == FileRow.study_key, stands_in_study(_LINE_OF_STUDY))
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


def rows_of(session: Session, ids: Sequence[int], *, may_see_patients: bool) -> tuple[WorklistRow, ...]:
    """The rows of a page for these lines, in this order."""
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
    """The reason for a review if the images of the line's knee disagree."""
    if line.lowest_kl is None or line.highest_kl is None:
        return ()
    return images_disagree(line.lowest_kl, line.highest_kl)


def _files(*chosen: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.count()).select_from(FileRow).where(*chosen).scalar_subquery()


_IS_FLAGGED = and_(IndexLine.stands == true(), IndexLine.state == State.COMPLETED, IndexLine.needs_review == true())
# Each grade and side is named, so that a count reads only that part of the index of the filters.
_FLAGGED = select(func.count(IndexLine.id)).where(_IS_FLAGGED, IndexLine.kl.in_(GRADES), IndexLine.side.in_(list(Side)))
# Begins with the readings, which are far fewer than the flagged lines: an outer join cannot be turned round.
_FLAGGED_AND_READ = (
    select(func.count(case((_IS_FLAGGED, IndexLine.id)).distinct()))
    .select_from(ReaderGradeRow)
    .outerjoin(IndexLine, IndexLine.knee_id == ReaderGradeRow.knee_id)
    .where(ReaderGradeRow.withdrawn_at.is_(None))
)
_COUNTED = select(
    *(_files(FileRow.state == state) for state in State),
    _files(FileRow.state == State.FAILED, FileRow.next_try_at.is_(None)),
    _files(FileRow.state == State.COMPLETED, FileRow.settled_at >= bindparam("midnight", type_=Moment)),
    _FLAGGED.scalar_subquery(),
    _FLAGGED_AND_READ.scalar_subquery(),
)
