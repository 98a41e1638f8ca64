"""The tables of agreement and of weeks, from a store to their rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from koa_worker.commands import agreement, drift, reading_table
from koa_worker.store import Store, encode
from koa_worker.watch.drift import watch
from tests import make


def test_the_rows_of_a_store(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/koa.sqlite3") as store:
        arrival = make.arrival()
        store.files.add_arrival(arrival, store.sending.now())
        store.files.start(arrival.id, "w")
        store.files.complete(arrival.id, encode(make.completed(arrival, make.knee(make.grade(2)))), "d1", "1", "x")
        for reader, kl in (("anna", 2), ("ben", 3)):
            store.reader_grades.record(arrival.id, 0, reader=reader, kl=kl, comment="")
        rows = list(agreement.to_rows(store.site_scales.agreements()))
        weeks = list(drift.to_rows(watch(store.watch_days.samples(), date(9999, 1, 1))))
    assert all(tuple(row) == agreement.COLUMNS for row in rows)
    assert [(row["one"], row["other"], row["exact"], row["blind"]) for row in rows] == [
        ("anna", "ben", 0.0, "not known"),
        ("anna", "the model", 1.0, "not known"),
        ("ben", "the model", 0.0, "not known"),
    ]
    (week,) = weeks
    assert tuple(week) == drift.COLUMNS
    assert (week["kl2"], week["grade"], week["grade_count"], week["refusals"]) == (1, 2.0, 1, 0.0)


def test_blind_readings_are_apart_in_the_table_and_each_says_so_in_the_export(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/koa.sqlite3") as store:
        arrival = make.arrival()
        store.files.add_arrival(arrival, store.sending.now())
        store.files.start(arrival.id, "w")
        store.files.complete(arrival.id, encode(make.completed(arrival, make.knee(make.grade(2)))), "d1", "1", "x")
        for reader, blind in (("anna", True), ("ben", True), ("cleo", False)):
            store.reader_grades.record(arrival.id, 0, reader=reader, kl=1, comment="of Forgetova", blind=blind)
        withdrawn = store.reader_grades.record(arrival.id, 0, reader="dora", kl=1, comment="", blind=True)
        assert withdrawn
        store.reader_grades.withdraw(withdrawn, reader="dora")
        rows = list(agreement.to_rows(store.site_scales.agreements()))
        exported = list(reading_table.to_rows(store.reader_grades.every()))
    assert {(row["one"], row["other"], row["blind"]) for row in rows} == {
        ("anna", "ben", "blind"),
        ("anna", "cleo", "not blind"),
        ("ben", "cleo", "not blind"),
        ("anna", "the model", "blind"),
        ("ben", "the model", "blind"),
        ("cleo", "the model", "not blind"),
    }
    assert [(row["reader"], row["kl"], row["model_kl"], row["blind"]) for row in exported] == [
        ("anna", 1, 2, True),
        ("ben", 1, 2, True),
        ("cleo", 1, 2, False),
        ("dora", 1, 2, True),
    ]
    assert [row["withdrawn_at"] is None for row in exported] == [True, True, True, False]
    assert "Forgetova" not in str(exported)
