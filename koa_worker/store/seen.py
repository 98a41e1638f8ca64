"""The knees of studies with the values that the rule of one line per knee needs, without images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from koa_worker.store.database.schema import GradeRow, ImageRow, KneeRow, ModelRow, table_of
from koa_worker.store.encoding import grade_columns, joint_space
from koa_worker.study.knees import SeenKnee

_image, _knee, _grade = map(table_of, (ImageRow, KneeRow, GradeRow))
SEEN = (
    select(
        _image.c.study_key,
        _image.c.file_id,
        _image.c.sop_uid,
        _image.c.view,
        _image.c.weight_bearing,
        _image.c.patient_differs,
        _knee.c.id.label("knee_id"),
        _knee.c.position,
        _knee.c.side,
        *grade_columns.SELECTED,
        ModelRow.name.label("model"),
    )
    .join(_knee, _knee.c.file_id == _image.c.file_id)
    .join(_grade, (_grade.c.knee_id == _knee.c.id) & _grade.c.is_current)
    .join(ModelRow, ModelRow.digest == _grade.c.model_digest)
)
_OF_STUDIES = SEEN.add_columns(_grade.c.joint_space).where(
    _image.c.study_key.in_(bindparam("study_keys", expanding=True))
)


def seen_in(connection: Connection, study_keys: Collection[str]) -> Mapping[str, list[SeenKnee]]:
    """The graded knees of each study, with their joint space."""
    by_study: defaultdict[str, list[SeenKnee]] = defaultdict(list)
    for row in connection.execute(_OF_STUDIES, {"study_keys": list(study_keys)}):
        by_study[row.study_key].append(to_seen(row, joint_space.from_json(row.joint_space)))
    return by_study


def to_seen(row: Row[Any], space: Any = None) -> SeenKnee:
    return SeenKnee(
        image=row.file_id,
        position=row.position,
        sop_uid=row.sop_uid,
        side=row.side,
        view=row.view,
        weight_bearing=row.weight_bearing,
        grade=grade_columns.from_row(row),
        joint_space=space,
        foreign=row.patient_differs,
    )
