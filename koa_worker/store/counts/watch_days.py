"""The values of each day from each device, summed in the database and kept, for `koa-worker drift`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from operator import eq
from typing import Any

from sqlalchemy import BindParameter, Row, Select, bindparam, case, delete, exists, false, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import (
    ChangedDay,
    FileSums,
    GradeRow,
    ImageRow,
    IndexLine,
    RefusalRow,
    StudyRow,
    StudySums,
    table_of,
)
from koa_worker.store.records.files import State
from koa_worker.values import GRADES
from koa_worker.watch.cusum import Sample
from koa_worker.watch.drift import DaySample, Device, Signal

_changed, _studies, _files = map(table_of, (ChangedDay, StudySums, FileSums))
_DAYS: BindParameter[Any] = bindparam("days", expanding=True)
_LINE_THAT_DAY, _IMAGE_THAT_DAY = aliased(IndexLine), aliased(ImageRow)
# In words that no index has: SQLite takes one that holds every second line for better than the few of an image.
_STANDS = func.coalesce(IndexLine.stands, false())
_DAYS_AT_A_TIME = 7
_MARKS_AT_A_TIME = 500


class WatchDays(StorePart):
    """Grades, likeness, exposure and refusals by day and device.

    The sums of each day are kept. A day that has changed is counted again before it is told, in a transaction that
    blocks nobody; what changes in the meantime names it again.
    """

    def samples(self, before: date = date.max) -> tuple[DaySample, ...]:
        """The samples of the days before this one, in order; some of the days are counted first, if need be.

        Grades and likeness are of the release and scale that graded last.
        """
        days = self.changed(before)
        for start in range(0, len(days), _DAYS_AT_A_TIME):
            self.count(days[start : start + _DAYS_AT_A_TIME])
        return self._kept(before)

    @reads
    def changed(self, session: Session, before: date) -> tuple[date, ...]:
        """The days before this one that have to be counted, in order."""
        days = select(_changed.c.day).where(_changed.c.day < before).distinct()
        return tuple(session.scalars(days.order_by(_changed.c.day)))

    def count(self, days: Collection[date]) -> None:
        """Counts these days and keeps their sums."""
        self._keep(self._counted(list(days)))

    @reads
    def _counted(self, session: Session, days: list[date]) -> _Counted:
        named = {"days": days}
        marks = session.scalars(select(_changed.c.id).where(_changed.c.day.in_(days))).all()
        studies = session.execute(_STUDIES, named).mappings()
        files = session.execute(_FILES, named).mappings()
        return _Counted(days, marks, [*map(dict, studies)], [*map(dict, files)])

    @writes
    def _keep(self, session: Session, counted: _Counted) -> None:
        connection = session.connection()
        steps = range(0, len(counted.marks), _MARKS_AT_A_TIME)
        these = [_changed.c.id.in_(counted.marks[step : step + _MARKS_AT_A_TIME]) for step in steps]
        if sum(connection.scalar(select(func.count()).where(part)) or 0 for part in these) < len(counted.marks):
            return  # somebody has counted at the same time, and may have seen more
        for part in these:
            connection.execute(delete(_changed).where(part))
        for table, rows in ((_studies, counted.studies), (_files, counted.files)):
            connection.execute(delete(table).where(table.c.day.in_(counted.days)))
            if rows:
                connection.execute(insert(table), rows)

    @reads
    def _kept(self, session: Session, before: date) -> tuple[DaySample, ...]:
        newest = session.execute(
            select(GradeRow.model_digest, GradeRow.site)
            .where(GradeRow.is_current)
            .order_by(GradeRow.graded_at.desc(), GradeRow.id.desc())
            .limit(1)
        ).first()
        made_by = (_studies.c.model_digest, _studies.c.site)
        graded = select(_studies).where(_studies.c.day < before, *map(eq, made_by, newest)) if newest else None
        days = [*map(_graded, session.execute(graded).all())] if graded is not None else []
        days += map(_refused, session.execute(select(_files).where(_files.c.day < before)).all())
        return tuple(sorted(days, key=lambda one: one.day))


@dataclass(frozen=True, slots=True)
class _Counted:
    """The rows of some days, as they were while these marks named the days."""

    days: Collection[date]
    marks: Sequence[int]
    studies: list[dict[str, Any]]
    files: list[dict[str, Any]]


def _said(name: str) -> Any:
    return func.coalesce(ImageRow.details[name].as_string(), "")


_DEVICE: tuple[Any, ...] = (
    _said("manufacturer").label("manufacturer"),
    _said("model").label("model"),
    func.coalesce(StudyRow.institution, "").label("institution"),
)


def _study_sums() -> Select[*tuple[Any, ...]]:
    """Each study counts once on each device, by the mean of its knees, because two knees of one patient are similar."""
    that_day = (
        select(_IMAGE_THAT_DAY.study_key)
        .join(_LINE_THAT_DAY, _LINE_THAT_DAY.file_id == _IMAGE_THAT_DAY.file_id)
        .where(_LINE_THAT_DAY.day.in_(_DAYS))
        .distinct()
        .subquery()
    )
    study = (
        select(
            func.min(IndexLine.day).label("day"),
            GradeRow.model_digest,
            GradeRow.site,
            *_DEVICE,
            func.avg(GradeRow.kl * 1.0).label("grade"),
            func.avg(GradeRow.strangeness).label("strangeness"),
            func.avg(ImageRow.details["exposure"].as_float()).label("exposure"),
            *(func.sum(case((GradeRow.kl == kl, 1), else_=0)).label(f"kl{kl}") for kl in GRADES),
        )
        .select_from(that_day)
        .join(ImageRow, ImageRow.study_key == that_day.c.study_key)
        .join(IndexLine, IndexLine.file_id == ImageRow.file_id)
        .join(GradeRow, (GradeRow.knee_id == IndexLine.knee_id) & GradeRow.is_current)
        .join(StudyRow, StudyRow.key == ImageRow.study_key)
        .where(_STANDS, IndexLine.day.is_not(None))
        .group_by(ImageRow.study_key, GradeRow.model_digest, GradeRow.site, *_DEVICE)
        .subquery()
    )
    names = ("day", "model_digest", "site", "manufacturer", "model", "institution")
    device = [study.c[name] for name in names]
    sums = [
        part
        for signal in (Signal.GRADE, Signal.STRANGENESS, Signal.EXPOSURE)
        for one in (study.c[signal.value],)
        for part in (
            func.count(one).label(f"{signal}_count"),
            func.coalesce(func.sum(one), 0.0).label(f"{signal}_total"),
            func.coalesce(func.sum(one * one), 0.0).label(f"{signal}_squares"),
        )
    ]
    knees = (func.sum(study.c[f"kl{kl}"]).label(f"kl{kl}") for kl in GRADES)
    return select(*device, *sums, *knees).where(study.c.day.in_(_DAYS)).group_by(*device)


def _file_sums() -> Select[*tuple[Any, ...]]:
    """Each settled file, and whether it or a knee in it was refused; a rejected file has no device."""
    refused = or_(IndexLine.state == State.REJECTED, exists().where(RefusalRow.file_id == IndexLine.file_id))
    file = (
        select(IndexLine.file_id, IndexLine.day, *_DEVICE, case((refused, 1), else_=0).label("refused"))
        .outerjoin(ImageRow, ImageRow.file_id == IndexLine.file_id)
        .outerjoin(StudyRow, StudyRow.key == ImageRow.study_key)
        .where(IndexLine.state.in_((State.COMPLETED, State.REJECTED)), IndexLine.day.in_(_DAYS))
        .distinct()
        .subquery()
    )
    device = (file.c.day, file.c.manufacturer, file.c.model, file.c.institution)
    return select(*device, func.count().label("files"), func.sum(file.c.refused).label("refused")).group_by(*device)


_STUDIES, _FILES = _study_sums(), _file_sums()
_SUMS = ("total", "squares")


def _device(row: Row[Any]) -> Device:
    return Device(row.manufacturer, row.model, row.institution)


def _graded(row: Row[Any]) -> DaySample:
    values = row._asdict()
    samples = {
        signal: Sample(int(values[f"{signal}_count"]), *(float(values[f"{signal}_{sum_}"]) for sum_ in _SUMS))
        for signal in (Signal.GRADE, Signal.STRANGENESS, Signal.EXPOSURE)
    }
    return DaySample(row.day, _device(row), samples, tuple(int(values[f"kl{kl}"]) for kl in GRADES))


def _refused(row: Row[Any]) -> DaySample:
    refused = float(row.refused)
    return DaySample(row.day, _device(row), {Signal.REFUSALS: Sample(int(row.files), refused, refused)})
