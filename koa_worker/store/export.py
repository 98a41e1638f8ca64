"""The results of all knees, without patient data; knees without a grade come last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, Select, select

from koa_worker.store import joint_space
from koa_worker.store.base import Part
from koa_worker.store.convert import to_grade, to_refused_knee, to_roi
from koa_worker.store.records import ExportedKnee, ExportedRefusal
from koa_worker.store.schema import File, Grade, Image, Knee, Model, Refusal, Study

_ROWS_AT_A_TIME = 500

_OF_IMAGE: tuple[Any, ...] = (
    File.id.label("file_id"),
    File.sha256,
    Image.study_key,
    Study.study_uid,
    Image.series_uid,
    Image.sop_uid,
    Image.modality,
    Image.view,
    Image.format,
    Image.width.label("image_width"),
    Image.height.label("image_height"),
    Image.row_mm,
    Image.column_mm,
    Image.spacing_source,
    Image.conflicts_with,
)
_OF_GRADING: tuple[Any, ...] = (
    Model.name.label("model"),
    Grade.model_digest,
    Grade.software_version,
    Grade.graded_at,
    Grade.is_current,
)
IMAGE_NAMES, GRADING_NAMES = (tuple(column.key for column in columns) for columns in (_OF_IMAGE, _OF_GRADING))


class Export(Part):
    """Every knee, graded or not."""

    def rows(self, *, superseded: bool = False) -> Iterator[ExportedKnee | ExportedRefusal]:
        """Streams them by study and arrival, so that an archive of millions needs no more memory than one film.

        With `superseded` also the grades of former models.
        """
        with self.sessions.stream() as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_A_TIME)
            yield from map(_to_knee, streaming.execute(_graded(superseded=superseded)))
            yield from map(_to_refusal, streaming.execute(_refused()))


def _to_knee(row: Row[Any]) -> ExportedKnee:
    image, grading = ({name: getattr(row, name) for name in names} for names in (IMAGE_NAMES, GRADING_NAMES))
    space = joint_space.from_json(row.joint_space)
    return ExportedKnee(image, row.position, to_roi(row), to_grade(row), space, grading)


def _to_refusal(row: Row[Any]) -> ExportedRefusal:
    return ExportedRefusal({name: getattr(row, name) for name in IMAGE_NAMES}, row.position, to_refused_knee(row))


def _place(table: type[Knee | Refusal]) -> tuple[Any, ...]:
    return (table.position, table.side, table.x, table.y, table.width, table.height)


def _refused() -> Select[*tuple[Any, ...]]:
    return (
        select(*_OF_IMAGE, *_place(Refusal), Refusal.code, Refusal.detail)
        .join(Image, Image.file_id == File.id)
        .join(Study, Study.key == Image.study_key)
        .join(Refusal, Refusal.file_id == File.id)
        .order_by(File.arrived_at, File.id, Refusal.position)
    )


def _graded(*, superseded: bool) -> Select[*tuple[Any, ...]]:
    chosen: Select[*tuple[Any, ...]] = (
        select(
            *_OF_IMAGE,
            *_place(Knee),
            Knee.whole_frame,
            Knee.turned,
            *(getattr(Grade, name) for name in ("kl", "p0", "p1", "p2", "p3", "p4", "confidence", "oa_probability")),
            Grade.agreement,
            Grade.review_reasons,
            Grade.joint_space,
            *_OF_GRADING,
        )
        .join(Image, Image.file_id == File.id)
        .join(Study, Study.key == Image.study_key)
        .join(Knee, Knee.file_id == File.id)
        .join(Grade, Grade.knee_id == Knee.id)
        .join(Model, Model.digest == Grade.model_digest)
        .order_by(File.arrived_at, File.id, Knee.position, Grade.graded_at)
    )
    return chosen if superseded else chosen.where(Grade.is_current)
