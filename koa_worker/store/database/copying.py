"""Copies a store to another database: all rows or none, and each row is compared with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, func, insert, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError

from koa_worker.errors import SetupError
from koa_worker.store.database import engine as databases
from koa_worker.store.database.schema import Base
from koa_worker.store.database.transaction import unanswered

_ROWS_AT_A_TIME = 500
_Row = dict[str, Any]


def copy_store(source: str, target: str, say: Callable[[str, int], None]) -> None:
    """Copies everything from one URL to another, whose tables must be empty; `say` is called for each table.

    The source is read as of one moment. Both databases are migrated first.
    """
    if source == target:
        raise SetupError("store_copy", "source and target are the same")
    origin = databases.connect(source, create=False)
    goal = databases.connect(target)
    try:
        databases.require_tables(origin)
        for database in (origin, goal):
            databases.migrate(database)
        with databases.reading(origin).begin() as old, _alone(goal).begin() as new:
            _copy(old, new, say)
    except DBAPIError as fault:
        raise unanswered(fault) from fault
    finally:
        origin.dispose()
        goal.dispose()


def _alone(goal: Engine) -> Engine:
    """No other transaction can conflict with one that locks every table, so that it needs no serializable isolation."""
    return goal.execution_options(isolation_level="READ COMMITTED") if goal.dialect.name == "postgresql" else goal


def _copy(old: Connection, new: Connection, say: Callable[[str, int], None]) -> None:
    tables = Base.metadata.sorted_tables
    if new.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        new.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    for table in tables:
        if new.execute(select(table).limit(1)).first() is not None:
            raise SetupError("store_copy", f"the target is not empty: there are {table.name}")
    for table in tables:
        _copy_table(old, new, table)
    for table in tables:
        say(table.name, _compare(old, new, table))
        _count_on(new, table)


def _copy_table(old: Connection, new: Connection, table: Table) -> None:
    """Copies a table. References to later rows of the same table are filled in after all rows are copied."""
    inward = [key.parent for key in table.foreign_keys if key.column.table is table]
    for rows in _batches(old, table):
        bare = [{**row, **dict.fromkeys((column.name for column in inward), None)} for row in rows]
        new.execute(insert(table), bare)
    for column in inward:
        assert isinstance(column, Column)  # noqa: S101 - for the type checker
        for rows in _batches(old, table):
            for row in rows:
                if row[column.name] is not None:
                    one = [key == row[key.name] for key in table.primary_key]
                    new.execute(update(table).where(*one).values({column: row[column.name]}))


def _compare(old: Connection, new: Connection, table: Table) -> int:
    """Compares each row and the number of rows of source and target, and gives that number."""
    keys = list(table.primary_key)
    count = 0
    for rows in _batches(old, table):
        wanted = [tuple(row[key.name] for key in keys) for row in rows]
        chosen = tuple_(*keys).in_(wanted) if len(keys) > 1 else keys[0].in_([key for (key,) in wanted])
        found = {
            tuple(row[key.name] for key in keys): dict(row)
            for row in new.execute(select(table).where(chosen)).mappings()
        }
        for key, row in zip(wanted, rows, strict=True):
            if found.get(key) != row:
                raise SetupError("store_copy", f"a row of {table.name} differs in the copy")
        count += len(rows)
    if new.scalar(select(func.count()).select_from(table)) != count:
        raise SetupError("store_copy", f"the copy of {table.name} has a different number of rows")
    return count


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[_Row]]:
    """All rows in batches, so that the memory does not grow with the size of the archive."""
    streaming = connection.execution_options(yield_per=_ROWS_AT_A_TIME)
    for rows in streaming.execute(select(table)).mappings().partitions():
        yield [dict(row) for row in rows]


def _count_on(connection: Connection, table: Table) -> None:
    """Makes the database's own sequences continue after the copied numbers."""
    number = table.autoincrement_column
    if connection.dialect.name != "postgresql" or number is None:
        return
    last = connection.scalar(select(func.max(number)))
    sequence = func.pg_get_serial_sequence(table.name, number.name)
    if last is not None and connection.scalar(select(sequence)) is not None:
        connection.execute(select(func.setval(sequence, last)))
