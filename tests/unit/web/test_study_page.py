"""A study's page, its pictures, its downloads, a reader's own grade."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader

from koa_worker import synthetic
from koa_worker.config import Config
from koa_worker.errors import CATALOGUE
from koa_worker.read.viewing.decoder import Decoder, DecoderBusy
from koa_worker.store import Store, encode
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Box, Compartment, CompartmentName, Heatmap, JointSpace, Side, SpacingSource
from koa_worker.web.context import release
from koa_worker.web.images.pictures import heat_png
from tests.unit.web.conftest import completed

Enter = Callable[[str], Any]


def test_the_page_has_frame_boxes_crops_bars_and_reasons(graded: Any, client: FlaskClient) -> None:
    page = client.get(f"/studies/{graded.key}").text
    base = f"/studies/{graded.key}/files/{graded.file_id}"
    for picture in ("frame.jpg", "knees/0/crop.png", "knees/1/heat.png"):
        assert f"{base}/{picture}" in page
        answer = client.get(f"{base}/{picture}")
        assert answer.status_code == 200
        assert cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED) is not None
    assert '<rect x="20" y="80" width="150" height="150">' in page
    assert page.count('<rect width="50.0"') == 2
    for said in (
        "Right knee",
        "Left knee",
        "Borderline between KL 1 and KL 2",
        "net-v1",
        "Definite osteophytes",
        "1950-02-01",
    ):
        assert said in page, said


def test_pictures_of_another_study_or_place_are_not_found(graded: Any, client: FlaskClient) -> None:
    for path in (
        "0/files/{f}/frame.jpg",
        "{k}/files/0/frame.jpg",
        "{k}/files/{f}/knees/2/crop.png",
        "{k}/files/{f}/knees/9/heat.png",
    ):
        assert client.get("/studies/" + path.format(k=graded.key, f=graded.file_id)).status_code == 404


def test_the_heat_is_clear_where_it_is_cold(graded: Any) -> None:
    values = np.zeros((7, 7), np.float32)
    values[3, 3] = 1
    picture = cv2.imdecode(np.frombuffer(heat_png(Heatmap(values, 2)), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (448, 448, 4)
    assert (picture[0, 0, 3], picture[224, 224, 3]) == (0, 255)


def test_a_reader_s_grade_is_kept_beside_the_machine_s(graded: Any, logged_in: Enter, users: Store) -> None:
    anna = logged_in("anna")
    where = f"/studies/{graded.key}"
    for kl, comment in (("3", "osteophytes <i>laterally</i>"), ("2", "")):
        answer = anna.post(f"{where}/readings", of="/", file=graded.file_id, knee="0", kl=kl, comment=comment)
        left = f"{where}?kept={1 if kl == '3' else 2}#{graded.file_id[:8]}-1"  # the knee that is still unread
        assert (answer.status_code, answer.location) == (303, left)
    assert [(one.reader, one.kl, one.position) for one in users.reader_grades.readings(graded.key)] == [
        ("anna", 3, 0),
        ("anna", 2, 0),
    ]
    page = anna.get(where).text
    assert "osteophytes &lt;i&gt;laterally" in page
    agreement = anna.get("/agreement").text
    assert "anna and the model" in agreement
    for wrong in ({"kl": "5"}, {"kl": ""}, {"knee": "7"}, {"file": "0"}, {"comment": "x" * 2001}):
        form = {"file": graded.file_id, "knee": "0", "kl": "1", "comment": ""} | wrong
        assert anna.post(f"{where}/readings", of="/", **form).status_code == 400
    assert len(users.reader_grades.readings(graded.key)) == 2


def test_a_viewer_records_nothing(graded: Any, logged_in: Enter, users: Store) -> None:
    victor = logged_in("victor")
    where = f"/studies/{graded.key}/readings"
    assert victor.post(where, of="/", file=graded.file_id, knee="0", kl="1").status_code == 403
    assert "My grade" not in victor.get(f"/studies/{graded.key}").text
    assert users.reader_grades.readings(graded.key) == ()


def test_the_last_report_is_handed_out(graded: Any, client: FlaskClient, store: Store, tmp_path: Path) -> None:
    where = f"/studies/{graded.key}/report.pdf"
    assert client.get(where).status_code == 404
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))
    answer = client.get(where)
    assert (answer.data, answer.mimetype) == (b"%PDF-1.7", "application/pdf")
    assert "Ivanova" not in str(answer.headers)
    assert "report" in {entry.action for entry in store.audit.entries()}
    path.unlink()
    assert client.get(where).status_code == 404


def test_the_report_is_handed_out_in_each_language_and_the_written_one_stays(
    graded: Any, client: FlaskClient, store: Store, tmp_path: Path
) -> None:
    where = f"/studies/{graded.key}/report.pdf"
    assert client.get(f"{where}?language=de").status_code == 404
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))
    page = client.get(f"/studies/{graded.key}").text
    assert 'hreflang="de"' in page
    assert 'hreflang="en"' not in page  # which the written one is in
    german = client.get(f"{where}?language=de")
    assert "koa-" + graded.key[:12] + "-de.pdf" in german.headers["Content-Disposition"]
    text = PdfReader(io.BytesIO(german.data)).pages[0].extract_text()
    assert "Nur für Forschungszwecke" in " ".join(text.split())
    assert client.get(f"{where}?language=en").data == client.get(where).data == path.read_bytes() == b"%PDF-1.7"
    assert client.get(f"{where}?language=xx").status_code == 400


def test_a_report_that_is_behind_its_study_is_in_no_other_language(
    graded: Any, client: FlaskClient, store: Store, refused_beside: Callable[[Store], None], tmp_path: Path
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))
    refused_beside(store)
    assert client.get(f"/studies/{graded.key}/report.pdf?language=de").status_code == 404
    assert "hreflang" not in client.get(f"/studies/{graded.key}").text
    assert client.get(f"/studies/{graded.key}/report.pdf").status_code == 200


def test_results_without_their_original_are_an_empty_archive_or_not_there_yet(
    graded: Any, client: FlaskClient, store: Store, tmp_path: Path
) -> None:
    where = f"/studies/{graded.key}/results.zip"
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7")
    store.reports.record(graded.key, graded.revision, path, "f" * 64, at=datetime.now(UTC))
    assert client.get(where).status_code == 404  # the original is on its way
    store.files.record_removal(graded.file_id)
    with zipfile.ZipFile(io.BytesIO(client.get(where).data)) as archive:
        assert archive.namelist() == []


@pytest.mark.parametrize("study_uid", ["2.25.5", ""])
def test_results_of_an_original_without_uids_are_refused_with_the_reason(
    graded: Any, client: FlaskClient, store: Store, tmp_path: Path, study_uid: str
) -> None:
    original, report = tmp_path / "original.dcm", tmp_path / "report.pdf"
    write_dicom(original, synthetic.crop(synthetic.KneeSpec(Side.RIGHT), size=64), study_uid="2.25.5")
    film = pydicom.dcmread(original)
    film.StudyInstanceUID = study_uid
    film.save_as(original)
    report.write_bytes(b"%PDF-1.7")
    store.files.record_filing(graded.file_id, str(original))
    store.reports.record(graded.key, graded.revision, report, "f" * 64, at=datetime.now(UTC))
    answer = client.get(f"/api/v1/studies/{graded.key}/results.zip")
    if study_uid:
        assert len(zipfile.ZipFile(io.BytesIO(answer.data)).namelist()) == 4
    else:
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "no_place")
        assert "Retry-After" not in answer.headers


def test_a_refused_file_says_why_and_what_to_do(graded: Any, client: FlaskClient, store: Store) -> None:
    page = client.get(f"/files/{graded.rejected_id}").text
    assert "not DICOM, PNG" in page
    assert "Export the radiograph as DICOM" in page
    assert "secret^name.dcm" in page
    assert ("file", graded.rejected_id) in {(entry.action, entry.subject) for entry in store.audit.entries()}
    assert client.get("/files/0").status_code == 404


def test_a_rejected_image_names_each_knee_that_was_seen(
    only_refused: Callable[[Store], str], client: FlaskClient, store: Store
) -> None:
    page = client.get(f"/studies/{only_refused(store)}").text
    assert page.count(f"knee: {CATALOGUE['implant'].sentence}") == 2


def test_measured_margins_and_widths_are_drawn_where_they_are_clear(app: Flask) -> None:
    line = ((10.0, 20.0), (30.0, 21.5))
    medial = Compartment(CompartmentName.MEDIAL, True, 0.03, 0.04, 2.14, 3.0, line, line)
    left = Compartment(CompartmentName.PICTURE_LEFT, True, 0.051, 0.06, None, None, line, line)
    lateral = Compartment(CompartmentName.LATERAL, False, None, None, None, None, line, line)
    macros = app.jinja_env.get_template("parts.html").module
    first = JointSpace((medial, left), SpacingSource.DETECTOR, 70.0)
    drawn = macros.margins(first, Box(5, 6, 70, 70))  # type: ignore[attr-defined]
    assert 'viewBox="5 6 70 70"' in drawn
    assert drawn.count('points="10.5,20.5 30.5,22.0 "') == 4
    said = macros.joint_space(first)  # type: ignore[attr-defined]
    for words in (
        "Medial",
        "2.1\u00a0mm",
        "Left side of the image",
        "5.1\u00a0% of the tibial width",
        "detector plane",
    ):
        assert words in said, words
    unclear = JointSpace((medial, lateral), SpacingSource.CALIBRATED, 70.0)
    assert "margins unclear" in macros.joint_space(unclear)  # type: ignore[attr-defined]
    assert macros.margins(unclear, Box(5, 6, 70, 70)).count("points=") == 2  # type: ignore[attr-defined]


@pytest.fixture
def filed(config: Config, store: Store) -> tuple[str, str, Path]:
    """A study whose original lies where it was filed: its key, its file, its path."""
    path = config.folders.done / "film.png"
    cv2.imwrite(str(path), np.arange(300 * 400).reshape(300, 400).astype(np.uint16))
    arrival = Arrival(path, sha256(path.read_bytes()).hexdigest(), 9, "film.png")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    settled = store.files.complete(arrival.id, encode(completed(arrival)), "d" * 64, "1.0", str(path))
    assert settled.study_key
    return settled.study_key, arrival.id, path


@pytest.fixture
def released(app: Flask) -> Iterator[None]:
    yield
    release(app)


@pytest.mark.usefixtures("released")
def test_the_original_comes_with_every_pixel(filed: tuple[str, str, Path], client: FlaskClient) -> None:
    key, file_id, path = filed
    with client.get(f"/studies/{key}/files/{file_id}/film") as answer:
        assert answer.headers["Koa-Size"] == "400 300"
        assert answer.headers["Cache-Control"] == "no-store"
        assert np.array_equal(np.frombuffer(answer.data, "<u2").reshape(300, 400), cv2.imread(str(path), -1))
    assert client.get(f"/studies/0/files/{file_id}/film").status_code == 404
    path.write_bytes(b"another")
    assert client.get(f"/studies/{key}/files/{file_id}/film").status_code == 422
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert client.get(f"/studies/{key}/files/{file_id}/film").status_code == 404


def test_the_original_is_for_readers_only(filed: tuple[str, str, Path], logged_in: Enter, client: FlaskClient) -> None:
    key, file_id, _ = filed
    assert logged_in("victor").get(f"/studies/{key}/files/{file_id}/film").status_code == 403
    assert client.get(f"/studies/{key}/files/{file_id}/film").status_code == 303


def test_who_must_wait_for_the_decoder_is_told_for_how_long(
    filed: tuple[str, str, Path], client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, file_id, _ = filed

    def busy(*_: object) -> None:
        raise DecoderBusy

    monkeypatch.setattr(Decoder, "decode", busy)
    answer = client.get(f"/studies/{key}/files/{file_id}/film")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_after_the_last_knee_of_a_study_comes_the_next_unread_study(
    graded: Any, logged_in: Enter, users: Store
) -> None:
    arrival = Arrival(Path("x"), "f" * 64, 9, "another.dcm")
    users.files.add_arrival(arrival, datetime.now(UTC))
    users.files.start(arrival.id, "w")
    result = encode(completed(arrival, study_uid="1.9"))
    newer, newer_file = users.files.complete(arrival.id, result, "d" * 64, "1.0", "done/y").study_key, arrival.id
    anna = logged_in("anna")
    assert anna.get("/next?days=7").location.startswith(f"/studies/{newer}?days=7")
    around = anna.get(f"/studies/{newer}?days=7").text
    assert f'title="The next study (J)" href="/studies/{graded.key}?days=7"' in around
    assert 'rel="prev"' not in around
    for knee in ("0", "1"):
        answer = anna.post(f"/studies/{newer}/readings?days=7", of="/", file=newer_file, knee=knee, kl="1")
    assert answer.location == f"/studies/{graded.key}?days=7&kept=2"
    assert "the previous study" in anna.get(answer.location).text
    for knee in ("0", "1"):
        answer = anna.post(f"/studies/{graded.key}/readings?days=7", of="/", file=graded.file_id, knee=knee, kl="1")
    assert answer.location == "/?days=7&kept=4"
    assert "You have read every study in this list" in anna.get(answer.location).text


def test_a_reader_withdraws_only_an_own_reading(graded: Any, logged_in: Enter, users: Store) -> None:
    anna, ada = logged_in("anna"), logged_in("ada")
    where = f"/studies/{graded.key}/readings"
    kept = anna.post(where, of="/", file=graded.file_id, knee="0", kl="3").location
    assert "Withdraw" in anna.get(kept).text
    assert "/1/withdraw" not in ada.get(kept).text
    for wrong in ("12x", "9" * 30, "-1", "²"):
        assert anna.get(f"/studies/{graded.key}?kept={wrong}").status_code == 200
    assert ada.post(f"{where}/1/withdraw", of="/").status_code == 404
    assert anna.post("/studies/0/readings/1/withdraw", of="/").status_code == 404
    assert anna.post(f"{where}/1/withdraw", of="/").status_code == 303
    assert anna.post(f"{where}/1/withdraw", of="/").status_code == 404
    assert users.reader_grades.readings(graded.key) == ()
    assert users.reader_grades.agreement() == {}
    assert "reading_withdrawn" in {entry.action for entry in users.audit.entries()}
