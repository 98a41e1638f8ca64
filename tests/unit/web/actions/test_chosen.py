"""Actions on chosen rows: who may do them, on which rows, and their entries in the audit log."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import State, Store, encode
from koa_worker.values import Arrival, Failed
from tests.unit.web.conftest import completed

Enter = Callable[[str], Any]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    pacs = {"name": "pacs", "host": "127.0.0.1", "port": 11112, "ae_title": "PACS"}
    said = {"limits": {"min_free_mb": 0}, "dicom": {"destinations": [pacs]}}
    settings = Config.model_validate(said).below(tmp_path)
    prepare_folders(settings.folders)
    return settings


def _failed(store: Store) -> str:
    arrival = Arrival(Path("x"), "7" * 64, 9, "later.dcm")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=1, now=datetime.now(UTC))
    return arrival.id


def _write_report(store: Store, graded: Any, path: Path) -> None:
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))


def test_failed_files_are_tried_again_and_others_stay(graded: Any, logged_in: Enter, users: Store) -> None:
    failed, anna = _failed(users), logged_in("anna")
    answer = anna.post("/chosen?state=failed", of="/", file=[failed, graded.rejected_id], do="retry")
    assert (answer.status_code, answer.location) == (303, "/?state=failed&did=retry&n=1&of=2")
    page = anna.get(answer.location).text
    assert "1 file is put back into the queue. 1 had not failed." in page
    record = users.files.find(failed)
    assert record
    assert record.state is State.WAITING
    assert {"retry"} <= {entry.action for entry in users.audit.entries() if entry.subject == failed}


def test_the_table_of_the_chosen_rows_names_no_patient(graded: Any, logged_in: Enter, users: Store) -> None:
    anna = logged_in("anna")
    lines = anna.post("/chosen", of="/", study=graded.key, do="json")
    assert [json.loads(line)["kl"] for line in lines.text.splitlines()] == [2, 3]
    table = anna.post("/chosen", of="/", study=graded.key, file=graded.rejected_id, do="csv")
    assert table.headers["Content-Disposition"] == "attachment; filename=koa-results.csv"
    assert len(table.text.splitlines()) == 3
    assert not [word for word in ("Ivanova", "P-17", "secret") if word in table.text + lines.text]
    assert users.reader_grades.was_shown(graded.key, "anna")
    assert anna.post("/chosen", of="/", file=graded.rejected_id, do="csv").text.count("\n") == 1


def test_the_results_of_the_chosen_studies_come_in_one_archive(
    graded: Any, logged_in: Enter, users: Store, tmp_path: Path
) -> None:
    anna = logged_in("anna")
    assert anna.post("/chosen", of="/", study=graded.key, do="download").status_code == 404  # no report yet
    _write_report(users, graded, tmp_path / "report.pdf")
    with anna.post("/chosen", of="/", study=graded.key, do="download") as answer:
        data = answer.data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        report, missing = archive.namelist()
        assert (report, missing) == tuple(f"koa-{graded.key[:12]}/{name}" for name in ("report.pdf", "INCOMPLETE.txt"))
        assert archive.read(report) == b"%PDF-1.7"
        assert b"DICOM results are missing" in archive.read(missing)  # its original is in no folder
    assert "results" in {entry.action for entry in users.audit.entries() if entry.subject == graded.key}


def test_results_of_studies_with_a_report_are_sent_again(
    graded: Any, logged_in: Enter, users: Store, tmp_path: Path
) -> None:
    anna = logged_in("anna")
    assert "Send again" in anna.get("/").text
    assert anna.post("/chosen", of="/", study=graded.key, do="send").location == "/?did=send&n=0&of=1"
    _write_report(users, graded, tmp_path / "report.pdf")
    users.sending.know_destinations(["pacs"])
    assert anna.post("/chosen", of="/", study=graded.key, do="send").location == "/?did=send&n=1&of=1"
    assert [ticket.study_key for ticket in users.sending.publications_due(["pacs"])] == [graded.key]


def test_studies_are_assigned_counted_and_taken_back(graded: Any, logged_in: Enter, users: Store) -> None:
    ada, anna = logged_in("ada"), logged_in("anna")
    assert graded.key not in anna.get("/?assigned=me").text
    answer = ada.post("/chosen", of="/", study=graded.key, file=graded.rejected_id, reader="anna", do="assign")
    assert answer.location == "/?did=assign&n=1&of=2"
    assert ada.post("/chosen", of="/", study=graded.key, reader="anna", do="assign").location == "/?did=assign&n=0&of=1"
    for path, shown in (("me", True), ("to:ada", False), ("to:anna", True), ("nobody", False), ("first", True)):
        assert (graded.key in anna.get(f"/?assigned={path}").text) is shown, path
    assert "for anna" in ada.get("/").text
    assert "0 of 1 read" in anna.get("/?assigned=me").text
    for position in (0, 1):
        users.reader_grades.record(graded.file_id, position, reader="anna", kl=2, comment="")
    assert "1 of 1 read" in ada.get("/assignments").text
    noted = [entry for entry in users.audit.entries() if entry.action == "assigned"]
    assert {(entry.who, entry.subject, entry.detail) for entry in noted} == {("ada", graded.key, "anna")}
    assert ada.post("/chosen", of="/", study=graded.key, do="take").location == "/?did=take&n=1&of=1"
    assert graded.key not in anna.get("/?assigned=me").text
    assert "No study is assigned" in ada.get("/assignments").text


def test_who_is_locked_is_given_nothing_to_read(graded: Any, logged_in: Enter, users: Store) -> None:
    ada = logged_in("ada")
    assert "<option>anna</option>" in ada.get("/").text
    users.accounts.lock("anna")
    assert "anna" not in ada.get("/").text
    assert ada.post("/chosen", of="/", study=graded.key, reader="anna", do="assign").status_code == 400


def test_the_queue_goes_through_what_is_mine_first_when_asked(graded: Any, logged_in: Enter, users: Store) -> None:
    arrival = Arrival(Path("x"), "9" * 64, 9, "new.dcm")
    users.files.add_arrival(arrival, datetime.now(UTC))
    users.files.start(arrival.id, "w")
    newer = users.files.complete(
        arrival.id, encode(completed(arrival, study_uid="1.9")), "d" * 64, "1.0", "z"
    ).study_key
    users.assignments.assign([graded.key], "anna", by="ada")
    anna = logged_in("anna")
    assert f"/studies/{newer}" in anna.get("/next").location
    assert f"/studies/{graded.key}" in anna.get("/next?assigned=first").location
    for position in (0, 1):
        users.reader_grades.record(graded.file_id, position, reader="anna", kl=2, comment="")
    assert f"/studies/{newer}" in anna.get("/next?assigned=first").location
    assert anna.get("/next?assigned=me").location == "/?assigned=me"


@pytest.mark.parametrize(
    "form",
    [
        {"do": "csv"},
        {"study": "x", "do": "csv"},
        {"study": "0" * 32, "do": "burn"},
        {"study": "0" * 32, "do": "assign", "reader": "victor"},
        {"file": [f"{number:032x}" for number in range(201)], "do": "retry"},
    ],
)
def test_what_the_form_does_not_offer_is_refused(graded: Any, logged_in: Enter, form: dict[str, Any]) -> None:
    assert logged_in("anna").post("/chosen", of="/", **form).status_code == 400


def test_who_may_not_read_chooses_nothing(graded: Any, logged_in: Enter) -> None:
    victor = logged_in("victor")
    assert 'form="chosen"' not in victor.get("/").text
    assert victor.post("/chosen", of="/", study=graded.key, do="csv").status_code == 403
    assert victor.get("/assignments").status_code == 403
    for sort in ("patient", "-examined"):
        assert victor.get(f"/?sort={sort}").status_code == 400
    assert victor.get("/?sort=right").status_code == 200


@pytest.mark.parametrize("address", ["did=retry&n=1&of=x", "did=other&n=1&of=1", "did=retry&n=-1&of=2", "did=retry"])
def test_an_address_makes_the_page_say_nothing_else(graded: Any, logged_in: Enter, address: str) -> None:
    assert '<p class="kept"' not in logged_in("anna").get(f"/?{address}").text


def test_heads_sort_and_say_so(graded: Any, logged_in: Enter) -> None:
    anna = logged_in("anna")
    page = anna.get("/").text
    assert page.count('aria-sort="none"') == 6
    assert 'aria-sort="descending"><a href="/?sort=-arrived">' in page
    turned = anna.get("/?sort=patient&kl=3").text
    assert 'aria-sort="ascending"><a href="/?kl=3&amp;sort=-patient">' in turned
    assert '<option value="patient" selected>' in turned
    assert 'aria-sort="descending"><a href="/?sort=patient">' in anna.get("/?sort=-patient").text
    assert "Ivanova" not in anna.get("/?sort=patient").request.url
