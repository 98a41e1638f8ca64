"""The results of all knees, without patient data; knees without a grade come last, also those of rejected files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from koa_worker.store.convert import to_refused_knee, to_roi
from koa_worker.store.database.base import StorePart
from koa_worker.store.database.schema import (
    FileRow,
    GradeRow,
    ImageRow,
    KneeRow,
    ModelRow,
    RefusalRow,
    StudyRow,
    table_of,
)
from koa_worker.store.encoding import grade_columns, joint_space
from koa_worker.store.records.export import ExportedKnee, ExportedRefusal, ExportedStudyKnee
from koa_worker.store.seen import seen_in
from koa_worker.store.study.patient_exams import patient_exams
from koa_worker.study.earlier import NO_EXAMS, courses
from koa_worker.study.knees import SeenKnee, bring_together

_ROWS_AT_A_TIME = 500

_OF_IMAGE: tuple[Any, ...] = (
    FileRow.id.label("file_id"),
    FileRow.sha256,
    FileRow.study_key,
    StudyRow.study_uid,
    ImageRow.series_uid,
    ImageRow.sop_uid,
    ImageRow.modality,
    ImageRow.view,
    ImageRow.format,
    ImageRow.width.label("image_width"),
    ImageRow.height.label("image_height"),
    ImageRow.row_mm,
    ImageRow.column_mm,
    ImageRow.spacing_source,
    ImageRow.conflicts_with,
)
_OF_GRADING: tuple[Any, ...] = (
    ModelRow.name.label("model"),
    GradeRow.model_digest,
    GradeRow.software_version,
    GradeRow.graded_at,
    GradeRow.is_current,
)
_STUDIES = select(table_of(StudyRow)).order_by(StudyRow.created_at, StudyRow.key)
# Only on request: no other column names a patient.
_OF_PATIENT: tuple[Any, ...] = (StudyRow.patient_id, StudyRow.patient_issuer, StudyRow.accession)
IDENTITY_NAMES = tuple(column.key for column in _OF_PATIENT)
# The knees that were seen in a file's frame, graded now or not.
_LEGS = (
    select(func.count())
    .select_from(KneeRow)
    .join(GradeRow, (GradeRow.knee_id == KneeRow.id) & GradeRow.is_current)
    .where(KneeRow.file_id == FileRow.id)
    .correlate(FileRow)
    .scalar_subquery()
    + select(func.count(RefusalRow.position))
    .where(RefusalRow.file_id == FileRow.id)
    .correlate(FileRow)
    .scalar_subquery()
).label("legs")
IMAGE_NAMES, GRADING_NAMES = (tuple(column.key for column in columns) for columns in (_OF_IMAGE, _OF_GRADING))


class Export(StorePart):
    """Every knee, graded or not."""

    def rows(
        self, *, superseded: bool = False, with_identity: bool = False, only: Collection[str] | None = None
    ) -> Iterator[ExportedKnee | ExportedRefusal]:
        """Streams the knees by study and arrival, so that the memory does not grow with the archive.

        With `superseded` also the grades of former models; with `with_identity` also patient id and accession number;
        with `only` those of the studies and files with these ids.
        """
        chosen = [] if only is None else [or_(FileRow.study_key.in_(only), FileRow.id.in_(only))]
        names = (*IMAGE_NAMES, *IDENTITY_NAMES) if with_identity else IMAGE_NAMES
        with self.sessions.stream() as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_A_TIME)
            for row in streaming.execute(_graded(superseded=superseded).where(*chosen)):
                yield _to_knee(row, names)
            for row in streaming.execute(_refused().where(*chosen)):
                yield _to_refusal(row, names)

    def study_knees(self, *, with_identity: bool = False) -> Iterator[ExportedStudyKnee]:
        """Streams the knees of all studies, each with all its images and its course since the earlier exam.

        With `with_identity` also patient id and accession number.
        """
        names = IDENTITY_NAMES if with_identity else ()
        with self.sessions.stream() as connection:
            studies = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(_STUDIES)
            for part in studies.partitions():
                with self.sessions.stream() as other:
                    seen = seen_in(other, [study.key for study in part])
                    for study in part:
                        identity = {name: getattr(study, name) for name in names}
                        yield from _study_knees(other, study, seen.get(study.key, []), identity)


def _study_knees(
    connection: Connection, study: Row[Any], seen: list[SeenKnee], identity: Mapping[str, Any]
) -> Iterator[ExportedStudyKnee]:
    knees = bring_together(seen)
    exams = patient_exams(connection, study) if knees else NO_EXAMS
    found = courses(knees, study.date.date() if study.date else None, exams)
    known = {course.now.stands.place: course for course in found}
    for knee in knees:
        yield ExportedStudyKnee(study.key, study.study_uid, knee, known.get(knee.stands.place), identity)


def _to_knee(row: Row[Any], image_names: Sequence[str]) -> ExportedKnee:
    image, grading = ({name: getattr(row, name) for name in names} for names in (image_names, GRADING_NAMES))
    space = joint_space.from_json(row.joint_space)
    return ExportedKnee(image, row.legs, row.position, to_roi(row), grade_columns.from_row(row), space, grading)


def _to_refusal(row: Row[Any], image_names: Sequence[str]) -> ExportedRefusal:
    image = {name: getattr(row, name) for name in image_names}
    return ExportedRefusal(image, row.legs, row.position, to_refused_knee(row))


def _place(table: type[KneeRow | RefusalRow]) -> tuple[Any, ...]:
    return (table.position, table.side, table.x, table.y, table.width, table.height)


def _refused() -> Select[*tuple[Any, ...]]:
    return (
        select(*_OF_IMAGE, *_OF_PATIENT, _LEGS, *_place(RefusalRow), RefusalRow.code, RefusalRow.detail)
        .join(RefusalRow, RefusalRow.file_id == FileRow.id)
        .outerjoin(ImageRow, ImageRow.file_id == FileRow.id)
        .outerjoin(StudyRow, StudyRow.key == FileRow.study_key)
        .order_by(FileRow.arrived_at, FileRow.id, RefusalRow.position)
    )


def _graded(*, superseded: bool) -> Select[*tuple[Any, ...]]:
    chosen: Select[*tuple[Any, ...]] = (
        select(
            *_OF_IMAGE,
            *_OF_PATIENT,
            _LEGS,
            *_place(KneeRow),
            KneeRow.whole_frame,
            KneeRow.turned,
            *grade_columns.SELECTED,
            GradeRow.joint_space,
            *_OF_GRADING,
        )
        .join(ImageRow, ImageRow.file_id == FileRow.id)
        .join(StudyRow, StudyRow.key == FileRow.study_key)
        .join(KneeRow, KneeRow.file_id == FileRow.id)
        .join(GradeRow, GradeRow.knee_id == KneeRow.id)
        .join(ModelRow, ModelRow.digest == GradeRow.model_digest)
        .order_by(FileRow.arrived_at, FileRow.id, KneeRow.position, GradeRow.graded_at)
    )
    return chosen if superseded else chosen.where(GradeRow.is_current)
