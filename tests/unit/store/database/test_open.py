"""Opening: private files, tables as the schema says, several workers at once, faults as sentences."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from koa_worker.errors import SetupError, WorkFailed
from koa_worker.store import Store
from koa_worker.store.database.engine import connect
from koa_worker.store.database.migrations import configuration
from koa_worker.store.database.schema import REVISION, Base

# Opens a store and dies, as by kill -9, at the nth statement of making it, or at its end.
OPEN_AND_DIE = """
import itertools, os, signal, sys
from sqlalchemy import event
from koa_worker.store.database import engine

database, last = engine.connect(sys.argv[1]), sys.argv[2]
numbers = itertools.count(1)
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if last == "commit":
    event.listen(database, "commit", lambda _: die() if next(numbers) == 2 else None)
else:
    event.listen(database, "after_cursor_execute", lambda *_: die() if next(numbers) == int(last) else None)
engine.migrate(database)
"""


def test_the_file_and_its_companions_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "work"
    with Store.open(f"sqlite:///{folder}/koa.sqlite3") as store:
        store.files.retry()
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(["koa.sqlite3", "koa.sqlite3-wal", "koa.sqlite3-shm"], 0o600)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_committed_result_is_on_the_disk(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/koa.sqlite3")
    with engine.connect() as connection:
        asked = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": "wal", "synchronous": 2}
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()


def test_the_migrations_lead_to_the_schema(url: str) -> None:
    Store.open(url).close()
    engine = connect(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
    assert ScriptDirectory.from_config(configuration()).get_current_head() == REVISION


def test_a_partial_index_has_the_condition_that_the_migrations_gave_it(tmp_path: Path) -> None:
    def conditions(engine: Engine) -> dict[str, str]:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'")).all()
        return {name: sql.partition(" WHERE ")[2] for name, sql in rows if sql and " WHERE " in sql}

    made, migrated = create_engine("sqlite://"), f"sqlite:///{tmp_path}/koa.sqlite3"
    Base.metadata.create_all(made)
    Store.open(migrated).close()
    assert conditions(made) == conditions(connect(migrated))
    assert len(conditions(made)) == 5


def test_a_store_is_found_again(url: str) -> None:
    with Store.open(url) as store:
        assert store.counts.status().reports == 0
    with Store.open(url) as store:
        assert sum(store.counts.status().counts.values()) == 0


@pytest.mark.parametrize("last", ["1", "40", "commit"])
def test_a_store_whose_maker_was_killed_is_made_at_the_next_start(url: str, last: str) -> None:
    died = subprocess.run([sys.executable, "-c", OPEN_AND_DIE, url, last], check=False)
    assert died.returncode == -signal.SIGKILL
    engine = connect(url)
    assert inspect(engine).get_table_names() == [], "all of it or nothing"
    engine.dispose()
    with Store.open(url) as store:
        assert store.counts.status().reports == 0


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://host/db", "sqlite3:///x"])
def test_an_address_that_is_none_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(SetupError, match="url is not a database address"):
        Store.open(url)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/koa.sqlite3"
    Store.open(url).close()
    with sqlite3.connect(tmp_path / "koa.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SetupError) as fault:
        Store.open(url)
    assert fault.value.code == "store_newer"


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "koa.sqlite3").write_text("a letter to my aunt " * 100)
    with pytest.raises(WorkFailed, match="database did not answer"):
        Store.open(f"sqlite:///{tmp_path}/koa.sqlite3")


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError) as fault:
        Store.open(f"sqlite:///{tmp_path}/file/koa.sqlite3")
    assert fault.value.code == "folders"


def test_looking_makes_nothing_and_tells_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/below/koa.sqlite3"
    with pytest.raises(SetupError) as fault:
        Store.look(url)
    assert fault.value.code == "store_missing"
    assert list(tmp_path.iterdir()) == []
    Store.open(url).close()
    with Store.look(url) as store:
        assert store.counts.status().reports == 0


def test_a_server_s_empty_database_is_left_empty_by_a_look(url: str) -> None:
    engine = connect(url)
    with pytest.raises(SetupError) as fault:
        Store.look(url)
    assert fault.value.code == "store_missing"
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def older(folder: Path) -> str:
    """A store of the first shape, with one file."""
    url = f"sqlite:///{folder}/koa.sqlite3"
    engine = connect(url)
    with engine.begin() as connection:
        settings = configuration()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        connection.execute(
            text(
                "INSERT INTO files (id, sha256, size, name, state, starts, tries, arrived_at) "
                "VALUES ('a', 'a', 1, '', 'waiting', 0, 0, '2026-01-01 00:00:00.000000')"
            )
        )
    engine.dispose()
    return url


def test_an_older_store_is_backed_up_before_it_is_upgraded(tmp_path: Path) -> None:
    Store.open(older(tmp_path)).close()
    (backup,) = tmp_path.glob("*.backup")
    assert backup.name.startswith("koa.sqlite3.0001-")
    assert backup.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert connection.execute("SELECT id FROM files").fetchall() == [("a",)]
    connection.close()
    Store.open(f"sqlite:///{tmp_path}/koa.sqlite3").close()
    assert len(list(tmp_path.glob("*.backup"))) == 1


def test_an_older_store_is_left_as_it_is_where_it_should_be(tmp_path: Path) -> None:
    url = older(tmp_path)
    for opened in (lambda: Store.open(url, upgrade=False), lambda: Store.look(url)):
        with pytest.raises(SetupError) as fault:
            opened()
        assert (fault.value.code, fault.value.exit_code) == ("store_older", 2)
    with sqlite3.connect(tmp_path / "koa.sqlite3") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()
    assert list(tmp_path.glob("*.backup")) == []
