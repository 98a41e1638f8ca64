"""Which grade of a reader for a knee counts: the last one that was not withdrawn."""

from __future__ import annotations

from sqlalchemy import Select, func, select

from koa_worker.store.database.schema import ReaderGradeRow


def last_readings() -> Select[int]:
    """The ids of the last grade of each reader for each knee."""
    return (
        select(func.max(ReaderGradeRow.id))
        .where(ReaderGradeRow.withdrawn_at.is_(None))
        .group_by(ReaderGradeRow.knee_id, ReaderGradeRow.reader)
    )
