"""Which of the readers' grades a site's scale is fitted to."""

from __future__ import annotations

from pathlib import Path

from koa_worker.calibration.collect import from_readings
from koa_worker.store import Store, encode
from tests import make


def test_where_a_knee_has_blind_readings_only_those_count(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/koa.sqlite3") as store:
        arrival = make.arrival()
        store.files.add_arrival(arrival, store.sending.now())
        store.files.start(arrival.id, "w")
        outcome = make.completed(arrival, *(make.knee(make.grade(2)) for _ in range(3)))
        store.files.complete(arrival.id, encode(outcome), "d1", "1", "x")
        for position, reader, kl, blind in (
            (0, "anna", 1, True),
            (0, "ben", 4, False),
            (0, "cleo", 4, None),
            (1, "anna", 3, None),
            (2, "anna", 0, True),
        ):
            store.reader_grades.record(arrival.id, position, reader=reader, kl=kl, comment="", blind=blind)
        last = store.reader_grades.record(arrival.id, 2, reader="anna", kl=4, comment="", blind=True)
        assert last
        store.reader_grades.withdraw(last, reader="anna")
        found = from_readings(store, "d1")
    assert [knee.kl for knee in found.knees] == [1, 3, 0]
    assert found.notes == ["Of 2 knees only blind readings count; the other 1 have none."]
    assert found.ceiling is None  # no knee has two readings that count
