"""The page of agreement: each pair of graders with its kappa, the interval by patient, and the table behind it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from koa_worker.store import Store, encode
from tests import make


def _patient(store: Store, number: int, kl: int) -> str:
    """The id of a file with one graded knee, of a patient of its own."""
    arrival = make.arrival(f"file {number}")
    store.files.add_arrival(arrival, store.sending.now())
    store.files.start(arrival.id, "w")
    study = replace(make.STUDY, study_uid=f"1.2.{number}", sop_uid=f"1.2.{number}.1")
    patient = replace(make.NOBODY, id=f"P{number}")
    outcome = make.completed(arrival, make.knee(make.grade(kl)), study=study, patient=patient)
    store.files.complete(arrival.id, encode(outcome), "d1", "1", "x")
    return arrival.id


def _section(page: str, pair: str) -> str:
    return page[page.index(f"<h3>{pair}</h3>") :].partition("</section>")[0]


def test_each_pair_has_a_kappa_with_its_interval_by_patient(users: Store, logged_in: Any) -> None:
    files = [_patient(users, number, number % 5) for number in range(20)]
    for number, file_id in enumerate(files):
        said = number % 5
        users.reader_grades.record(file_id, 0, reader="boris", kl=said, comment="", blind=True)
        users.reader_grades.record(file_id, 0, reader="carl", kl=min(said + number % 2, 4), comment="", blind=True)
    page = logged_in("anna").get("/agreement").text
    (row,) = [one for one in users.site_scales.agreements() if (one.one, one.other) == ("boris", "carl")]
    assert row.kappa is not None
    assert row.kappa.low < row.kappa.value < row.kappa.high <= 1
    shown = f"<strong>{row.kappa.value:.2f}</strong> ({row.kappa.low:.2f} to {row.kappa.high:.2f})"
    assert shown in _section(page, "boris and carl")
    assert "20, 20" in _section(page, "boris and carl")
    assert "<strong>1.00</strong> (1.00 to 1.00)" in _section(page, "boris and the model")
    assert "40, 20" in _section(page, "all readers and the model")


def test_one_patient_gives_no_interval_and_equal_grades_no_kappa(users: Store, logged_in: Any) -> None:
    users.reader_grades.record(_patient(users, 1, 2), 0, reader="boris", kl=2, comment="", blind=False)
    assert "not defined" in _section(logged_in("anna").get("/agreement").text, "boris and the model")
    users.reader_grades.record(_patient(users, 1001, 4), 0, reader="carl", kl=2, comment="", blind=False)
    said = _section(logged_in("anna").get("/agreement").text, "carl and the model")
    assert re.search(r"<strong>0\.00</strong></dd>", said)
