"""The values of each day from each device, aggregated in the database, for `koa-worker drift`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, case, exists, func, or_, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import GradeRow, ImageRow, IndexLine, RefusalRow, StudyRow
from koa_worker.store.records.files import State
from koa_worker.values import GRADES
from koa_worker.watch.cusum import Sample
from koa_worker.watch.drift import DaySample, Device, Signal


class WatchDays(StorePart):
    """Grades, likeness, exposure and refusals by day and device."""

    @reads
    def samples(self, session: Session) -> tuple[DaySample, ...]:
        """The samples of all days, in order. Grades and likeness are of the release and scale that graded last."""
        newest = session.execute(
            select(GradeRow.model_digest, GradeRow.site)
            .where(GradeRow.is_current)
            .order_by(GradeRow.graded_at.desc(), GradeRow.id.desc())
            .limit(1)
        ).first()
        graded = session.execute(_of_studies(*newest)).all() if newest else ()
        days = [*map(_graded, graded), *map(_refused, session.execute(_REFUSED).all())]
        return tuple(sorted(days, key=lambda one: one.day))


def _said(name: str) -> Any:
    return func.coalesce(ImageRow.details[name].as_string(), "")


_DEVICE: tuple[Any, ...] = (
    _said("manufacturer").label("manufacturer"),
    _said("model").label("model"),
    func.coalesce(StudyRow.institution, "").label("institution"),
)


def _of_studies(model_digest: str, site: str) -> Select[*tuple[Any, ...]]:
    """Each study counts once on each device, by the mean of its knees, because two knees of one patient are similar."""
    study = (
        select(
            func.min(IndexLine.day).label("day"),
            *_DEVICE,
            func.avg(GradeRow.kl * 1.0).label("grade"),
            func.avg(GradeRow.strangeness).label("strangeness"),
            func.avg(ImageRow.details["exposure"].as_float()).label("exposure"),
            *(func.sum(case((GradeRow.kl == kl, 1), else_=0)).label(f"kl{kl}") for kl in GRADES),
        )
        .join(GradeRow, (GradeRow.knee_id == IndexLine.knee_id) & GradeRow.is_current)
        .join(ImageRow, ImageRow.file_id == IndexLine.file_id)
        .join(StudyRow, StudyRow.key == ImageRow.study_key)
        .where(IndexLine.stands, IndexLine.day.is_not(None))
        .where(GradeRow.model_digest == model_digest, GradeRow.site == site)
        .group_by(ImageRow.study_key, *_DEVICE)
        .subquery()
    )
    device = (study.c.day, study.c.manufacturer, study.c.model, study.c.institution)
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
    return select(*device, *sums, *(func.sum(study.c[f"kl{kl}"]).label(f"kl{kl}") for kl in GRADES)).group_by(*device)


def _files() -> Select[*tuple[Any, ...]]:
    """Each settled file, and whether it or a knee in it was refused; a rejected file has no device."""
    refused = or_(IndexLine.state == State.REJECTED, exists().where(RefusalRow.file_id == IndexLine.file_id))
    file = (
        select(IndexLine.file_id, IndexLine.day, *_DEVICE, case((refused, 1), else_=0).label("refused"))
        .outerjoin(ImageRow, ImageRow.file_id == IndexLine.file_id)
        .outerjoin(StudyRow, StudyRow.key == ImageRow.study_key)
        .where(IndexLine.state.in_((State.COMPLETED, State.REJECTED)), IndexLine.day.is_not(None))
        .distinct()
        .subquery()
    )
    device = (file.c.day, file.c.manufacturer, file.c.model, file.c.institution)
    return select(*device, func.count().label("files"), func.sum(file.c.refused).label("refused")).group_by(*device)


_REFUSED = _files()
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
