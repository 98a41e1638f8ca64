"""Opens a database by its URL: creates and protects the SQLite file, and migrates the tables."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from koa_worker.errors import SetupError, WorkFailed
from koa_worker.store.database import postgres, transaction
from koa_worker.store.database.schema import REVISION

logger = logging.getLogger(__name__)

_MIGRATION_LOCK = 0x6B6F61  # any number that every worker on a PostgreSQL server agrees on


def connect(
    url: str,
    patience: float = transaction.PATIENCE_SECONDS,
    *,
    create: bool = True,
    answer_seconds: float | None = None,
) -> Engine:
    """An engine whose writing transactions are serializable: they behave as if they ran one after the other.

    Without `create` a missing database is an error, and its file is not created. With `answer_seconds`, a server that
    does not answer within this time counts as unavailable, also one that still accepts connections.
    """
    try:
        place = make_url(url)
        if place.get_backend_name() == "sqlite":
            return _connect_sqlite(place, patience, create=create)
        if postgres.is_postgres(place):
            return postgres.connect(place, patience, answer_seconds)
    # The messages of these errors quote the URL, and with it a password.
    except ModuleNotFoundError:
        raise SetupError("config", "[store] url needs a driver: pip install 'koa-worker[postgres]'") from None
    except (ArgumentError, NoSuchModuleError, ValueError):
        pass
    raise SetupError("config", "[store] url is not a database address that can be used here")


def reading(engine: Engine) -> Engine:
    """The same database for read-only transactions: they see the data of one moment and block no other transaction."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(koa_reads=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def migrate(engine: Engine, *, upgrade: bool = True) -> None:
    """Migrates the tables to this version; if several workers start at the same time, one of them does it.

    Without `upgrade` older tables are an error and are not changed. Missing tables are created.
    """
    found = _revision(engine)
    if found == REVISION:
        return  # nothing to do: the migration library need not be loaded
    if found is not None:
        _refuse_newer(found)
        if not upgrade:
            raise SetupError("store_older", f"its tables are of version {found}, not {REVISION}")
        back_up(engine, found)
    from koa_worker.store.database import migrations  # noqa: PLC0415

    if engine.dialect.name == "postgresql":
        # A worker that waited for the lock must see the changes of its holder; an earlier snapshot would not show them.
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        migrations.upgrade(connection)


def require_current(engine: Engine) -> None:
    """Raises `SetupError` unless the tables exist and are of this version; changes nothing."""
    found = _revision(engine)
    if found is None:
        raise SetupError("store_missing")
    if found != REVISION:
        _refuse_newer(found)
        raise SetupError("store_older", f"its tables are of version {found}, not {REVISION}")


def require_tables(engine: Engine) -> None:
    """Raises `SetupError` if the database has no koa-worker tables, because its address is mistyped."""
    if _revision(engine) is None:
        raise SetupError("store_missing")


def _refuse_newer(found: str) -> None:
    from koa_worker.store.database import migrations  # noqa: PLC0415

    if found not in migrations.revisions():
        raise SetupError("store_newer")


def back_up(engine: Engine, revision: str) -> Path | None:
    """Copies a SQLite database beside itself before its tables are changed; other databases have their own tools."""
    if engine.dialect.name != "sqlite" or not engine.url.database or engine.url.database == ":memory:":
        return None
    made = Path(f"{engine.url.database}.{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.backup")
    try:
        os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(engine.url.database)) as origin, closing(sqlite3.connect(made)) as copy:
            origin.backup(copy)
    except (OSError, sqlite3.Error) as fault:
        made.unlink(missing_ok=True)
        raise SetupError("store_backup", type(fault).__name__) from fault
    logger.info("database backed up before its upgrade", extra={"revision": revision})
    return made


def compact(engine: Engine, patience: float) -> None:
    """Rewrites the SQLite file without unused parts, and empties its log, so that no byte of removed rows is left.

    A PostgreSQL server keeps its own log and backups, which only its administrator can remove.
    """
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()  # outside any transaction
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        _empty_log(cursor, time.monotonic() + patience)
    except sqlite3.Error as fault:  # also for a full disk: meanwhile the file needs twice its size in addition
        raise WorkFailed("store", f"it was not compacted: {type(fault).__name__}") from fault
    finally:
        raw.close()


def _empty_log(cursor: Any, until: float) -> None:
    while True:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not cursor.fetchone()[0]:
            return
        if time.monotonic() > until:
            raise WorkFailed("store", "it is being read, so that its log cannot be emptied")
        time.sleep(0.05)


def _revision(engine: Engine) -> str | None:
    with reading(engine).begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _connect_sqlite(place: URL, patience: float, *, create: bool) -> Engine:
    if place.database and place.database != ":memory:":
        path = Path(place.database)
        if create:
            _create_private(path)
        elif not path.exists():
            raise SetupError("store_missing")
    engine = create_engine(place, connect_args={"timeout": patience}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path) -> None:
    """Creates the file with mode 0600; SQLite gives its companion files (-wal, -shm) the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as fault:
        raise SetupError("folders", f"the database's file cannot be opened: {fault.strerror}") from fault


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun explicitly, see _begin_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    # WAL: `status` reads while the worker writes. With it, NORMAL could lose the last transactions when the power
    # fails; the original would then be in done/ without a result. FULL costs one fsync per transaction.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # Deleted data may name patients: they are overwritten at once, even if the database is not compacted afterwards.
    connection.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once if another one wrote in between. With the write lock
    # taken first, it waits instead.
    reads = connection.get_execution_options().get("koa_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
