"""A store moves from SQLite to PostgreSQL: every row as it was, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select, text

from koa_worker.errors import SetupError
from koa_worker.store import State, Store
from koa_worker.store.database import copying
from koa_worker.store.database.engine import connect
from koa_worker.store.database.schema import Base
from koa_worker.values import Failed, Side
from tests.postgres import Server

NOW = datetime(2026, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def source(tmp_path: Path, make: Any) -> str:
    """Files in all states: graded, graded again, rejected, failed, duplicate, reported, to be sent."""
    url = f"sqlite:///{tmp_path}/koa.sqlite3"
    with Store.open(url) as store:
        ids = []
        for content in ("graded", "rejected", "failed"):
            arrival = make.arrival(content)
            ids.append(arrival.id)
            store.files.add_arrival(arrival, NOW)
            assert store.files.start(arrival.id, "w")
            if content == "graded":
                outcome = make.completed(arrival, make.knee(1), make.knee(3, side=Side.RIGHT, x=900))
                key = store.files.complete(arrival.id, outcome, "d1", "1.0", "done/Ünicode.dcm")
                store.files.complete(arrival.id, outcome, "d2", "1.1", "done/x.dcm")
            elif content == "rejected":
                store.files.reject(arrival.id, make.rejected(arrival), "rejected/x")
            else:
                store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=2, now=NOW)
        assert store.files.add_arrival(make.arrival("graded"), NOW).state is State.DUPLICATE
        store.sending.know_destinations(["pacs"])
        store.sending.send_again([key_of(key)])
    return url


def key_of(said: Any) -> str:
    return said if isinstance(said, str) else said.study_key


@pytest.fixture
def target(postgres: Server) -> str:
    return postgres.database()


def rows(url: str) -> dict[str, list[Any]]:
    engine = connect(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table)))) for table in Base.metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_every_row_arrives(source: str, target: str, make: Any) -> None:
    said: dict[str, int] = {}
    copying.copy_store(source, target, said.__setitem__)
    before = rows(source)
    assert rows(target) == before
    assert said == {name: len(lines) for name, lines in before.items()}
    assert said["grades"] == 4
    # And work goes on there: numbers that the database gives out go on behind the copied ones.
    with Store.open(target) as store:
        arrival = make.arrival("more")
        store.files.add_arrival(arrival, NOW)
        assert store.files.start(arrival.id, "w")
        store.files.complete(arrival.id, make.completed(arrival), "d1", "1.0", "done/y")
        assert store.counts.status().counts[State.COMPLETED] == 2


def test_a_duplicate_may_come_before_what_it_repeats(source: str, target: str) -> None:
    engine = connect(source)
    with engine.begin() as connection:  # in the file's own order, the first row refers to a later one
        connection.execute(text("UPDATE files SET duplicate_of = (SELECT max(id) FROM files) WHERE rowid = 1"))
    engine.dispose()
    copying.copy_store(source, target, lambda _table, _rows: None)
    assert rows(target) == rows(source)


def test_more_rows_than_one_batch(source: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_ROWS_AT_A_TIME", 2)
    copying.copy_store(source, target, lambda _table, _rows: None)
    assert rows(target) == rows(source)


def test_a_target_that_holds_something_is_left_alone(source: str, target: str, make: Any) -> None:
    with Store.open(target) as store:
        store.files.add_arrival(make.arrival("theirs"), NOW)
    before = rows(target)
    with pytest.raises(SetupError, match="not empty"):
        copying.copy_store(source, target, lambda _table, _rows: None)
    assert rows(target) == before
    with pytest.raises(SetupError, match="the same"):
        copying.copy_store(source, source, lambda _table, _rows: None)


def test_a_row_that_came_out_otherwise_undoes_everything(
    source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy: Callable[..., None] = copying._copy_table

    def copy_badly(old: Connection, new: Connection, table: Table) -> None:
        copy(old, new, table)
        if table.name == "grades":
            new.execute(text("UPDATE grades SET p0 = p0 + 1e-16 * p0 + 1e-12 WHERE kl = 3"))

    monkeypatch.setattr(copying, "_copy_table", copy_badly)
    with pytest.raises(SetupError, match="a row of grades differs"):
        copying.copy_store(source, target, lambda _table, _rows: None)
    assert set(map(len, rows(target).values())) == {0}


def test_a_source_that_is_mistyped_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as fault:
        copying.copy_store(f"sqlite:///{tmp_path}/koa.sqlit", f"sqlite:///{tmp_path}/new.sqlite3", lambda *_: None)
    assert fault.value.code == "store_missing"
    assert list(tmp_path.iterdir()) == []
