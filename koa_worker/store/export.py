"""The flat table of results: one row per knee, without patient data; knees without a grade come last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, select

from koa_worker.store import joint_space
from koa_worker.store.base import Part
from koa_worker.store.schema import File, Grade, Image, Knee, Model, Refusal, Study

_ROWS_AT_A_TIME = 500


class Export(Part):
    """The table of all results."""

    def rows(self, *, superseded: bool = False) -> Iterator[dict[str, Any]]:
        """Streams the rows by study and arrival, so that the memory does not grow with the size of the archive.

        With `superseded` also the grades of former models.
        """
        nothing = dict.fromkeys(self.columns())
        with self.sessions.stream() as connection:
            streaming = connection.execution_options(yield_per=_ROWS_AT_A_TIME)
            for selection in (_graded(superseded=superseded), _refused()):
                for row in streaming.execute(selection).mappings():
                    values = dict(row)
                    yield nothing | joint_space.flatten(values.pop("joint_space", None)) | values

    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        graded = list(_graded(superseded=False).selected_columns.keys())
        graded.remove("joint_space")
        return (*graded, *joint_space.columns(), "refused")


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


def _place(table: type[Knee | Refusal]) -> tuple[Any, ...]:
    sides = ("x", "y", "width", "height")
    return (table.position.label("knee"), table.side, *(getattr(table, side).label(f"box_{side}") for side in sides))


def _refused() -> Select[*tuple[Any, ...]]:
    """The row of a knee without a grade: file, box and the code of the reason."""
    return (
        select(*_OF_IMAGE, *_place(Refusal), Refusal.code.label("refused"))
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
            Grade.kl,
            Grade.p0,
            Grade.p1,
            Grade.p2,
            Grade.p3,
            Grade.p4,
            Grade.confidence,
            Grade.oa_probability,
            Grade.agreement,
            Grade.needs_review,
            Grade.review_reasons,
            Model.name.label("model"),
            Grade.model_digest,
            Grade.software_version,
            Grade.graded_at,
            Grade.is_current,
            Grade.joint_space,
        )
        .join(Image, Image.file_id == File.id)
        .join(Study, Study.key == Image.study_key)
        .join(Knee, Knee.file_id == File.id)
        .join(Grade, Grade.knee_id == Knee.id)
        .join(Model, Model.digest == Grade.model_digest)
        .order_by(File.arrived_at, File.id, Knee.position, Grade.graded_at)
    )
    return chosen if superseded else chosen.where(Grade.is_current)
