"""What all tables stand on: one metadata, names for constraints, and a column type for times."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, cast

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

from koa_worker.store.database.columns import Moment

# Constraints get names of their own, so that a later migration can drop them on any database.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: Moment}


def table_of(model: type[Base]) -> Table:
    """The bare table, for statements that go past the object mapper."""
    return cast("Table", model.__table__)
