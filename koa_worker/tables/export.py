"""The flat table that `koa-worker export` prints and the page offers for download: one row per knee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from koa_worker import knee_fields
from koa_worker.store.export import GRADING_NAMES, IDENTITY_NAMES, IMAGE_NAMES
from koa_worker.store.records.export import ExportedKnee, ExportedRefusal

COLUMNS = (*IMAGE_NAMES, *knee_fields.COLUMNS, *GRADING_NAMES, "refused", "legs")
WITH_IDENTITY = (*COLUMNS, *IDENTITY_NAMES)


def to_rows(
    exported: Iterable[ExportedKnee | ExportedRefusal], columns: tuple[str, ...] = COLUMNS
) -> Iterator[dict[str, Any]]:
    """A value for each of the columns, in their order."""
    for knee in exported:
        yield dict.fromkeys(columns) | dict(knee.image) | {"legs": knee.legs} | _of_knee(knee)


def _of_knee(knee: ExportedKnee | ExportedRefusal) -> dict[str, Any]:
    match knee:
        case ExportedKnee():
            fields = knee_fields.describe(knee.position, knee.roi, knee.grade, knee.joint_space)
            return {**knee_fields.to_columns(fields), **knee.grading}
        case ExportedRefusal():
            known = knee_fields.refused_columns(knee.position, knee.knee)
            known.pop("turned")  # the store does not keep it of a refused knee
            return known
