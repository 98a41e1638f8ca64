"""The store's part of a site's scale: knees by their image or their readers, and putting an archive on a scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import (
    DestinationRow,
    FileRow,
    GradeRow,
    ImageRow,
    KneeRow,
    ModelRow,
    PictureKind,
    PictureRow,
    PublicationRow,
    ReaderGradeRow,
    ReportRow,
    StudyRow,
    table_of,
)
from koa_worker.store.encoding import grade_columns
from koa_worker.store.journal import record_event
from koa_worker.store.last_readings import last_readings
from koa_worker.store.lifecycle.results import replace_grade
from koa_worker.store.reports import begin_report
from koa_worker.store.study.studies import get_study
from koa_worker.store.worklist_index import list_file
from koa_worker.values import Grade, Side
from koa_worker.watch.readers import PairAgreement, Reading, agree

_grade = table_of(GradeRow)
_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class StoredKnee:
    """A knee with its current grade, for the comparison with its readers' grades."""

    id: int
    grade_id: int
    sop_uid: str
    subject: str  # the patient if the file names one, else the study
    side: Side
    grade: Grade
    model_digest: str


@dataclass(frozen=True, slots=True)
class KneeReading:
    """The last grade of one reader for a knee."""

    knee_id: int
    reader: str
    kl: int
    blind: bool | None = None  # whether the reader had not seen the model's grade; None: unknown


class SiteScales(StorePart):
    """Knees to fit a site's scale to, and the verbs that put an archive on a scale."""

    @reads
    def knees_of(self, session: Session, sop_uid: str) -> tuple[StoredKnee, ...]:
        """The graded knees of an image, from left to right."""
        return tuple(map(_stored, session.execute(_KNEES.where(ImageRow.sop_uid == sop_uid))))

    @reads
    def read_knees(self, session: Session) -> tuple[StoredKnee, ...]:
        """The knees that readers have graded."""
        return _read_knees(session)

    @reads
    def last_readings(self, session: Session) -> tuple[KneeReading, ...]:
        """The last grade of each reader for each knee."""
        return _last_readings(session)

    @reads
    def agreements(self, session: Session, *, everybody: bool = False) -> list[PairAgreement]:
        """The agreement of readers with one another and with the model, by the last grade of each reader for each knee.

        With a site's scale, the release's own grades are compared too. With `everybody` also all readers together.
        """
        knees = _read_knees(session)
        models = {"the model": {knee.id: knee.grade.kl for knee in knees}}
        if any(knee.grade.site for knee in knees):
            models["the release"] = {knee.id: knee.grade.release_kl for knee in knees}
        said = [Reading(one.knee_id, one.reader, one.kl, one.blind) for one in _last_readings(session)]
        return agree(said, models, {knee.id: knee.subject for knee in knees}, everybody=everybody)

    @reads
    def crop_png(self, session: Session, knee_id: int) -> bytes:
        """A knee as the model saw it."""
        crops = select(PictureRow.data).where(PictureRow.knee_id == knee_id, PictureRow.kind == PictureKind.CROP)
        return session.scalars(crops).one()

    @reads
    def studies_elsewhere(
        self, session: Session, model_digest: str, site: str, after: str = "", limit: int = _AT_A_TIME
    ) -> tuple[str, ...]:
        """Keys of studies, in order after `after`, with a current grade of this release on another scale."""
        chosen = (
            select(ImageRow.study_key)
            .join(KneeRow, KneeRow.file_id == ImageRow.file_id)
            .join(GradeRow, (GradeRow.knee_id == KneeRow.id) & GradeRow.is_current)
            .where(GradeRow.model_digest == model_digest, GradeRow.site != site, ImageRow.study_key > after)
        )
        return tuple(session.scalars(chosen.distinct().order_by(ImageRow.study_key).limit(limit)))

    @reads
    def count_others(self, session: Session, model_digest: str) -> int:
        """The number of knees that another release graded."""
        others = select(func.count()).select_from(GradeRow)
        return session.scalar(others.where(GradeRow.is_current, GradeRow.model_digest != model_digest)) or 0

    @reads
    def grades_elsewhere(
        self, session: Session, study_key: str, model_digest: str, site: str
    ) -> tuple[StoredKnee, ...]:
        """The knees of a study whose grade is this release's on another scale."""
        chosen = (ImageRow.study_key == study_key, GradeRow.model_digest == model_digest, GradeRow.site != site)
        return tuple(map(_stored, session.execute(_KNEES.where(*chosen))))

    @writes
    def put(self, session: Session, study_key: str, grades: Mapping[int, Grade], *, unsent: bool) -> int:
        """Makes these the current grades, each in place of the one with its id, and takes the report's revision.

        The former grades are kept. With `unsent` no objects for the PACS are made of the revision, unless those of an
        earlier one are still to be made.
        """
        study, at = get_study(session, study_key), self.now()
        rows = session.execute(select(*_grade.c).where(_grade.c.id.in_(grades), _grade.c.is_current)).mappings().all()
        for row in rows:
            session.execute(update(_grade).where(_grade.c.id == row["id"]).values(is_current=False))
            new = {**row, **grade_columns.to_columns(grades[row["id"]]), "graded_at": at}
            del new["id"]
            if not replace_grade(session, new):
                session.execute(insert(_grade).values(new))
        knees = [row["knee_id"] for row in rows]
        changed = select(FileRow).where(FileRow.id.in_(select(KneeRow.file_id).where(KneeRow.id.in_(knees))))
        for file in session.scalars(changed).all():
            record_event(session, file.id, "rescaled", at, next(iter(grades.values())).site[:12])
            list_file(session, file)
        study.changes += 1
        waits = _waits_to_be_sent(session, study_key)
        revision = begin_report(session, study)
        if unsent and not waits:
            session.merge(PublicationRow(study_key=study_key, revision=revision, asked=False, at=at))
        return revision


_KNEES: Select[*tuple[Any, ...]] = (
    select(
        *(column for column in _grade.c if column.key not in {"id", "knee_id", "heatmap", "joint_space"}),
        KneeRow.id.label("knee_id"),
        _grade.c.id.label("grade_id"),
        KneeRow.side,
        ImageRow.sop_uid,
        StudyRow.patient_id,
        ImageRow.study_key,
        ModelRow.name.label("model"),
    )
    .join(KneeRow, KneeRow.id == _grade.c.knee_id)
    .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
    .join(StudyRow, StudyRow.key == ImageRow.study_key)
    .join(ModelRow, ModelRow.digest == _grade.c.model_digest)
    .where(_grade.c.is_current)
    .order_by(ImageRow.file_id, KneeRow.position)
)


def _read_knees(session: Session) -> tuple[StoredKnee, ...]:
    read = select(ReaderGradeRow.knee_id).where(ReaderGradeRow.withdrawn_at.is_(None))
    return tuple(map(_stored, session.execute(_KNEES.where(KneeRow.id.in_(read)))))


def _last_readings(session: Session) -> tuple[KneeReading, ...]:
    last = select(ReaderGradeRow).where(ReaderGradeRow.id.in_(last_readings())).order_by(ReaderGradeRow.id)
    return tuple(KneeReading(row.knee_id, row.reader, row.kl, row.blind) for row in session.scalars(last))


def _stored(row: Row[Any]) -> StoredKnee:
    return StoredKnee(
        row.knee_id,
        row.grade_id,
        row.sop_uid,
        row.patient_id or row.study_key,
        row.side,
        grade_columns.from_row(row),
        row.model_digest,
    )


def _waits_to_be_sent(session: Session, study_key: str) -> bool:
    """Whether the objects of a written revision are still to be made for a destination."""
    published = session.get(PublicationRow, study_key)
    if published is not None and published.asked:
        return True
    since: datetime | None = session.scalar(select(func.min(DestinationRow.since)))
    if since is None:
        return False
    written = select(ReportRow.revision).where(
        ReportRow.study_key == study_key,
        ReportRow.revision > (published.revision if published else 0),
        ReportRow.written_at >= since,
    )
    return session.scalar(written.limit(1)) is not None
