"""The base of all tables: one metadata, names for constraints, and a column type for times."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, cast

from sqlalchemy import Index, MetaData, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.schema import CreateIndex

from koa_worker.store.database.columns import Moment

# Constraints get names of their own, so that a later migration can drop them on any database.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


_WHERE = "where"


_Column = str | InstrumentedAttribute[Any]


def partial_index(name: str, column: _Column | tuple[_Column, ...], where: str, *, unique: bool = False) -> Index:
    """An index of the rows for which `where` holds, in SQL that both databases understand.

    SQLAlchemy's own option names the databases, and loads the PostgreSQL dialect even if only SQLite is used. That
    takes a tenth of the start-up time of each process.
    """
    columns = column if isinstance(column, tuple) else (column,)
    return Index(name, *columns, unique=unique, info={_WHERE: where})


@compiles(CreateIndex)
def _create_index(create: CreateIndex, compiler: Any, **named: Any) -> str:
    written: str = compiler.visit_create_index(create, **named)
    where = create.element.info.get(_WHERE)
    return f"{written} WHERE {where}" if where else written


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: Moment}


def table_of(model: type[Base]) -> Table:
    """The table itself, for statements that bypass the object mapper."""
    return cast("Table", model.__table__)
