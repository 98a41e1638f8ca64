"""The data that an erasure has begun to remove."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import one_of
from koa_worker.store.database.schema.base import Base
from koa_worker.store.records.belongings import ErasureReason


class DoomedKind(StrEnum):
    FILE = "file"  # by its id, also one that has no row
    STUDY = "study"  # by its key
    PATH = "path"  # the path of an original, a report or a result object: made of ids, never of names


class DoomedRow(Base):
    """An item that an erasure has begun to remove; it names no patient, and is deleted at the end of the erasure."""

    __tablename__ = "doomed"

    kind: Mapped[DoomedKind] = mapped_column(one_of(DoomedKind, "kind"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[ErasureReason] = mapped_column(one_of(ErasureReason, "reason"))
    at: Mapped[dt.datetime]
