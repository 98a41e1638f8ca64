"""The values that count for an image after a person has corrected its sides or the size of its pixels.

The rows of images, knees and grades have the values that count. The header's values are kept beside the person's, also
if a later file has another header, so that a correction can be withdrawn.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from koa_worker.store.convert import spacing_of
from koa_worker.store.database.schema import CorrectionRow, GradeRow, ImageRow, KneeRow, RefusalRow, table_of
from koa_worker.store.encoding import joint_space
from koa_worker.study.correction import Corrected, Geometry, joint_space_in, sides_in
from koa_worker.values import Box, KneeRoi, Laterality, Side, SpacingSource

_correction, _image, _knee, _grade, _refusal = map(table_of, (CorrectionRow, ImageRow, KneeRow, GradeRow, RefusalRow))
# The columns of `corrections` for queries of images.
CORRECTED = (
    _correction.c.at.label("corrected_at"),
    _correction.c.who.label("corrected_by"),
    _correction.c.laterality.label("own_laterality"),
    _correction.c.column_zero_side.label("own_column_zero_side"),
    _correction.c.row_mm.label("own_row_mm"),
    _correction.c.column_mm.label("own_column_mm"),
    _correction.c.spacing_source.label("own_source"),
    *(column for column in _correction.c if column.key.startswith("said_")),
)
_OF_FILE = select(_correction).where(_correction.c.file_id == bindparam("of_file"))
_IMAGE = select(_image).where(_image.c.file_id == bindparam("of_file"))
_PLACES = ("x", "y", "width", "height")
_KNEES = (
    select(
        _knee.c.id, _knee.c.side, _knee.c.turned, *(_knee.c[name] for name in _PLACES),
        _grade.c.id.label("grade"), _grade.c.joint_space,
    )
    .join(_grade, (_grade.c.knee_id == _knee.c.id) & _grade.c.is_current)
    .where(_knee.c.file_id == bindparam("of_file"))
)  # fmt: skip
_REFUSED = select(_refusal).where(_refusal.c.file_id == bindparam("of_file"))
_NAMES = ("laterality", "column_zero_side", "row_mm", "column_mm", "spacing_source")


def write_correction(session: Session, file_id: str, corrected: Corrected, who: str, at: datetime) -> str | None:
    """Makes these values count for an image; gives the changes as text for its history, None if there are none.

    An empty correction withdraws an earlier one.
    """
    connection, of_file, own = session.connection(), {"of_file": file_id}, _own(corrected)
    known = connection.execute(_OF_FILE, of_file).first()
    if {name: getattr(known, name, None) for name in _NAMES} == own:
        return None
    before = connection.execute(_IMAGE, of_file).one()
    if known is None:
        said = {f"said_{name}": getattr(before, name) for name in _NAMES}
        connection.execute(insert(_correction).values(file_id=file_id, who=who, at=at, **own, **said))
    else:
        changed = update(_correction).where(_correction.c.file_id == file_id).values(who=who, at=at, **own)
        connection.execute(changed)
    keep_correction(session, file_id, renew_said=False)
    now = connection.execute(_IMAGE, of_file).one()
    changes = [f"{name} was {getattr(before, name) or '-'}" for name in _NAMES if _differ(before, now, name)]
    return ", ".join(changes) or "nothing else"


def keep_correction(session: Session, file_id: str, *, renew_said: bool = True) -> None:
    """Applies a person's correction of an image again, if there is one.

    With `renew_said` the image's row has just been written from a header: its values are stored as the header's.
    """
    connection, of_file = session.connection(), {"of_file": file_id}
    known = connection.execute(_OF_FILE, of_file).first()
    if known is None:
        return
    if renew_said:
        image = connection.execute(_IMAGE, of_file).one()
        said = {f"said_{name}": getattr(image, name) for name in _NAMES}
        connection.execute(update(_correction).where(_correction.c.file_id == file_id).values(**said))
        known = connection.execute(_OF_FILE, of_file).one()
    _apply(session, file_id, _own_of(known).over(_said_of(known)))


def _apply(session: Session, file_id: str, counts: Geometry) -> None:
    connection, of_file = session.connection(), {"of_file": file_id}
    before = connection.execute(_IMAGE, of_file).one()
    connection.execute(update(_image).where(_image.c.file_id == file_id).values(**_columns(counts)))
    knees = connection.execute(_KNEES, of_file).all()
    refused = [row for row in connection.execute(_REFUSED, of_file) if not _is_rest(row, counts)]
    places = [*map(_roi, knees), *map(_roi, refused)]
    same = (before.laterality, before.column_zero_side) == (counts.laterality, counts.column_zero_side)
    sides = tuple(place.side for place in places) if same else sides_in(places, counts)
    for row, side in zip(knees, sides, strict=False):
        connection.execute(update(_knee).where(_knee.c.id == row.id).values(side=side))
        space = joint_space.from_json(row.joint_space)
        if space is not None:
            renewed = joint_space.to_json(joint_space_in(space, side, counts))
            connection.execute(update(_grade).where(_grade.c.id == row.grade).values(joint_space=renewed))
    for row, side in zip(refused, sides[len(knees) :], strict=True):
        place = (_refusal.c.file_id == file_id, _refusal.c.position == row.position)
        connection.execute(update(_refusal).where(*place).values(side=side))


def _is_rest(row: Row[Any], counts: Geometry) -> bool:
    """Whether a refused leg is only the rest of a frame that shows one knee, as a person has corrected the header."""
    return row.code == "knee_not_found" and counts.laterality in (Laterality.LEFT, Laterality.RIGHT)


def _roi(row: Any) -> KneeRoi:
    return KneeRoi(Box(*(getattr(row, name) for name in _PLACES)), Side(row.side), turned=getattr(row, "turned", 0))


def _own(corrected: Corrected) -> dict[str, Any]:
    spacing = corrected.spacing
    return {
        "laterality": corrected.laterality,
        "column_zero_side": corrected.column_zero_side,
        "row_mm": spacing.row_mm if spacing else None,
        "column_mm": spacing.column_mm if spacing else None,
        "spacing_source": spacing.source if spacing else None,
    }


def _columns(counts: Geometry) -> dict[str, Any]:
    own = _own(Corrected(counts.laterality, counts.column_zero_side, counts.spacing))
    return own | {"spacing_source": own["spacing_source"] or SpacingSource.NONE}


def _own_of(row: Row[Any]) -> Corrected:
    spacing = spacing_of(row.row_mm, row.column_mm, row.spacing_source)
    return Corrected(row.laterality, row.column_zero_side, spacing)


def _said_of(row: Row[Any]) -> Geometry:
    spacing = spacing_of(row.said_row_mm, row.said_column_mm, row.said_spacing_source)
    return Geometry(row.said_laterality, row.said_column_zero_side, spacing)


def _differ(before: Row[Any], now: Row[Any], name: str) -> bool:
    return bool(getattr(before, name) != getattr(now, name))
