"""Actions on a study on its page: sending again, downloading, correcting, erasing; retrying a failed file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from koa_worker.config import Config
from koa_worker.publish.objects.result import ResultKind
from koa_worker.store import NewParcel, PublicationTicket, State, Store, encode
from koa_worker.store.records.belongings import Whose
from koa_worker.values import Arrival, Failed, Side, SpacingSource
from koa_worker.web.context import release
from tests.unit.web.conftest import completed

Enter = Callable[[str], Any]


@pytest.fixture(autouse=True)
def released(app: Flask) -> Iterator[None]:
    """The page of a study makes a decoder ready."""
    yield
    release(app)


def deliver(store: Store, graded: Any) -> None:
    """One object that the first destination has, that the second refused, and that the third does not answer for."""
    store.sending.know_destinations(["pacs", "archive", "share"])
    store.reports.record(graded.key, graded.revision, "r.pdf", "f" * 64, at=datetime.now(UTC))
    ticket = PublicationTicket(graded.key, graded.revision, "r.pdf", datetime.now(UTC), ("archive", "pacs", "share"))
    store.sending.queue(ticket, [NewParcel(ResultKind.PDF, "1.2.840", "2.25.7", "work/outgoing/7.dcm")])
    of = {parcel.destination: parcel.id for parcel in store.sending.parcels(graded.key)}
    store.sending.acknowledge(of["pacs"])
    store.sending.refuse(of["archive"], "status A900", max_tries=1, first_pause=timedelta(seconds=30))
    store.sending.put_off("share", "Connection refused", timedelta(seconds=30))


def test_the_state_of_each_destination_with_its_last_answer(graded: Any, logged_in: Enter, users: Store) -> None:
    deliver(users, graded)
    page = logged_in("anna").get(f"/studies/{graded.key}").text
    for said in (
        "1 of 1 received",
        "1 refused",
        "status A900",
        "1 waiting",
        "Connection refused",
        "PDF report: received",
    ):
        assert said in page, said
    seen_by_victor = logged_in("victor").get(f"/studies/{graded.key}").text
    assert "Connection refused" not in seen_by_victor
    assert "Send all again" not in seen_by_victor


def test_all_is_sent_again_or_what_waits_is_tried_now(graded: Any, logged_in: Enter, users: Store) -> None:
    deliver(users, graded)
    anna = logged_in("anna")
    now = anna.post(f"/studies/{graded.key}/deliveries/now", of="/")
    assert "What waits is tried now" in anna.get(now.location).text
    assert [one.destination for name in ("archive", "share") for one in users.sending.parcels_due(name)] == [
        "archive",
        "share",
    ]
    again = anna.post(f"/studies/{graded.key}/deliveries/again", of="/")
    assert "All results of this study are sent again" in anna.get(again.location).text
    assert users.sending.parcels(graded.key) == ()
    assert [one.study_key for one in users.sending.publications_due(["pacs"])] == [graded.key]
    said = {(entry.who, entry.action, entry.subject) for entry in users.audit.entries()}
    assert {("anna", "sent_again", graded.key), ("anna", "sending_woken", graded.key)} <= said
    victor = logged_in("victor")
    for path in ("again", "now"):
        assert victor.post(f"/studies/{graded.key}/deliveries/{path}", of="/").status_code == 403
        assert anna.client.post(f"/studies/{graded.key}/deliveries/{path}").status_code == 403  # without its token
        assert anna.post(f"/studies/0/deliveries/{path}", of="/").status_code == 404


@pytest.fixture
def filed(config: Config, store: Store) -> tuple[str, str, Path]:
    """A study whose original, which begins as a DICOM file does, lies where it was filed."""
    path = config.folders.done / "film.dcm"
    path.write_bytes(bytes(128) + b"DICM" + b"the rest")
    arrival = Arrival(path, sha256(path.read_bytes()).hexdigest(), 9, "Ivanova^Anna.dcm")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    key = store.files.complete(arrival.id, encode(completed(arrival)), "d" * 64, "1.0", str(path)).study_key
    assert key
    return key, arrival.id, path


def test_the_original_is_downloaded_as_it_came_by_who_may_and_is_noted(
    filed: tuple[str, str, Path], logged_in: Enter, users: Store
) -> None:
    key, file_id, path = filed
    anna = logged_in("anna")
    assert f"/files/{file_id}/original" in anna.get(f"/studies/{key}").text
    with anna.get(f"/files/{file_id}/original") as answer:
        assert (answer.data, answer.mimetype) == (path.read_bytes(), "application/dicom")
        assert f"attachment; filename=koa-{file_id[:12]}.dcm" in answer.headers["Content-Disposition"]
        assert "Ivanova" not in str(answer.headers)
    assert ("anna", "original", file_id) in {(one.who, one.action, one.subject) for one in users.audit.entries()}
    victor = logged_in("victor")
    assert victor.get(f"/files/{file_id}/original").status_code == 403
    assert "/original" not in victor.get(f"/studies/{key}").text
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert anna.get(f"/files/{file_id}/original").status_code == 404
    assert anna.get("/files/0/original").status_code == 404


def test_a_failed_file_is_put_back_into_the_queue(logged_in: Enter, users: Store) -> None:
    arrival = Arrival(Path("x"), "9" * 64, 9, "x.dcm")
    users.files.add_arrival(arrival, datetime.now(UTC))
    users.files.start(arrival.id, "w")
    users.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=1, now=datetime.now(UTC))
    anna = logged_in("anna")
    assert "Try again" in anna.get(f"/files/{arrival.id}").text
    assert "Try again" not in logged_in("victor").get(f"/files/{arrival.id}").text
    assert logged_in("victor").post(f"/files/{arrival.id}/retry", of="/").status_code == 403
    answer = anna.post(f"/files/{arrival.id}/retry", of="/")
    assert "back in the queue" in anna.get(answer.location).text
    found = users.files.find(arrival.id)
    assert found is not None
    assert found.state is State.WAITING
    assert "had not failed" in anna.get(anna.post(f"/files/{arrival.id}/retry", of="/").location).text
    assert [one.action for one in users.audit.entries()].count("retried") == 1
    assert anna.post("/files/0/retry", of="/").status_code == 404


def test_sides_and_pixel_size_are_corrected_by_a_reader(graded: Any, logged_in: Enter, users: Store) -> None:
    anna, where = logged_in("anna"), f"/studies/{graded.key}/files/{graded.file_id}/correction"
    assert where in anna.get(f"/studies/{graded.key}").text
    assert "The left edge of the image is" in anna.get(where).text
    form = {"side": "", "edge": "L", "size": "own", "mm": "0,143", "plane": "calibrated"}
    answer = anna.post(where, of="/", **form)
    page = anna.get(answer.location).text
    assert "The next revision of the report is being written" in page
    assert "Corrected by anna" in page
    image = users.studies.content(graded.key).images[0]
    assert [knee.roi.side for knee in image.knees] == [Side.LEFT, Side.RIGHT]
    assert image.spacing is not None
    assert (image.spacing.row_mm, image.spacing.source) == (0.143, SpacingSource.CALIBRATED)
    noted = next(one for one in users.audit.entries() if one.action == "corrected")
    said = f"{graded.file_id} laterality both; left edge L; 0.143 mm, calibrated"
    assert (noted.who, noted.subject, noted.detail) == ("anna", graded.key, said)
    assert "counts already" in anna.get(anna.post(where, of="/", **form).location).text
    anna.post(where, of="/", side="", edge="", size="")
    assert users.studies.content(graded.key).images[0].spacing is None


@pytest.mark.parametrize("mm", ["", "nought", "0", "-1", "nan", "inf", "10.5"])
def test_what_is_no_pixel_size_changes_nothing(graded: Any, logged_in: Enter, users: Store, mm: str) -> None:
    where = f"/studies/{graded.key}/files/{graded.file_id}/correction"
    answer = logged_in("anna").post(where, of="/", size="own", mm=mm, plane="detector")
    assert answer.status_code == 400
    assert "A pixel size is a number" in answer.text
    assert users.studies.content(graded.key).images[0].correction is None


def test_who_may_not_correct_and_what_is_not_there(graded: Any, logged_in: Enter, users: Store) -> None:
    anna, where = logged_in("anna"), f"/studies/{graded.key}/files/{graded.file_id}/correction"
    assert logged_in("victor").get(where).status_code == 403
    assert logged_in("victor").post(where, of="/", edge="L").status_code == 403
    assert anna.client.post(where, data={"edge": "L"}).status_code == 403  # without its token
    for wrong in ({"edge": "U"}, {"side": "both"}, {"size": "huge"}, {"size": "own", "mm": "1", "plane": "moon"}):
        assert anna.post(where, of="/", **wrong).status_code == 400
    assert anna.get(f"/studies/{graded.key}/files/0/correction").status_code == 404
    assert users.studies.content(graded.key).images[0].correction is None


def test_a_patient_is_erased_only_after_the_id_is_typed(graded: Any, logged_in: Enter, users: Store) -> None:
    ada, where = logged_in("ada"), f"/studies/{graded.key}/forget"
    listed = ada.get(f"{where}?what=patient").text
    assert "P-17" in listed
    assert "1 (1 completed)" in listed
    for typed in ("", "P-18", graded.key[:8]):
        assert ada.post(where, of="/", what="patient", typed=typed).status_code == 400
    assert users.found.of(Whose(patient_id="P-17"))
    gone = ada.post(where, of="/", what="patient", typed="P-17")
    assert (gone.status_code, "What was removed" in gone.text) == (200, True)
    assert not users.found.of(Whose(patient_id="P-17"))
    assert ada.get(where).status_code == 404
    entries = users.audit.entries()
    assert [(one.who, one.action) for one in entries if "forget" in one.action] == [
        ("ada", "forget_finished"),
        ("ada", "forget_begun"),
    ]
    assert not [one for one in entries if "P-17" in str(dataclasses.astuple(one))]


def test_only_a_study_is_erased_and_only_by_an_administrator(graded: Any, logged_in: Enter, users: Store) -> None:
    anna, ada, where = logged_in("anna"), logged_in("ada"), f"/studies/{graded.key}/forget"
    assert "Erase this study" not in anna.get(f"/studies/{graded.key}").text
    assert "Erase this study" in ada.get(f"/studies/{graded.key}").text
    for path in (where, f"{where}?what=patient"):
        assert anna.get(path).status_code == 403
    assert anna.post(where, of="/", what="study", typed=graded.key[:8]).status_code == 403
    assert ada.client.post(where, data={"what": "study", "typed": graded.key[:8]}).status_code == 403
    assert ada.get(f"{where}?what=everything").status_code == 400
    assert ada.post(where, of="/", what="study", typed=graded.key[:8]).status_code == 200
    assert users.found.known_studies([graded.key]) == frozenset()
