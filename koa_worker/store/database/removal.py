"""Removes rows together with all rows that depend on them, along the foreign keys of all tables.

A row with a mandatory reference to a removed row is removed too; an optional reference is set to null. A table that is
added later needs no change here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, or_, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import Base, FileRow, StudyRow, UploadRow, table_of

_AT_A_TIME = 200  # keys in one statement


def remove_rows(
    session: Session, files: Collection[str], studies: Collection[str], uploads: Collection[str]
) -> Counter[str]:
    """Removes these files, studies and uploads with all that belongs to them; gives the number of rows by table."""
    removed: Counter[str] = Counter()
    for model, named in ((FileRow, files), (StudyRow, studies), (UploadRow, uploads)):
        for keys in _parts(named):
            removed += _remove(session, {table_of(model): keys})
    return removed


def _parts(keys: Collection[str]) -> list[list[str]]:
    ordered = sorted(keys)
    return [ordered[start : start + _AT_A_TIME] for start in range(0, len(ordered), _AT_A_TIME)]


def _remove(session: Session, named: Mapping[Table, Collection[str]]) -> Counter[str]:
    connection, removed = session.connection(), Counter[str]()
    going = _conditions(named)
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            parent = going.get(key.column.table)
            if key.parent.nullable and parent is not None:
                lost = key.parent.in_(select(key.column).where(parent))
                connection.execute(update(table).where(lost).values({key.parent.name: None}))
    for table in reversed(Base.metadata.sorted_tables):
        if table in going:
            removed[table.name] += connection.execute(delete(table).where(going[table])).rowcount
    return removed


def _conditions(named: Mapping[Table, Collection[str]]) -> dict[Table, ColumnElement[bool]]:
    """The rows of each table to remove: the named ones, and those with a mandatory reference to a removed row."""
    going: dict[Table, ColumnElement[bool]] = {}
    for table in Base.metadata.sorted_tables:
        chosen: list[Any] = [next(iter(table.primary_key)).in_(named[table])] if table in named else []
        chosen += [
            key.parent.in_(select(key.column).where(going[key.column.table]))
            for key in table.foreign_keys
            if not key.parent.nullable and key.column.table in going
        ]
        if chosen:
            going[table] = or_(*chosen)
    return going
