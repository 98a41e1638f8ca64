"""Results for an archive by STOW-RS and for a folder, each with its own kinds."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydantic import ValidationError

from koa_worker import synthetic
from koa_worker.config import DestinationSettings
from koa_worker.publish.outbox import Outbox
from koa_worker.store import ParcelState
from tests.dicomweb import archive
from tests.integration.conftest import STUDY_UID, Hospital, Orthanc

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TOKEN = "a-token-that-nobody-logs"


def by_stow(url: str, **more: Any) -> DestinationSettings:
    return DestinationSettings(name="web", protocol="stow", url=url, timeout_seconds=5.0, **more)


def parcels(hospital: Hospital) -> dict[str, tuple[ParcelState, str]]:
    return {parcel.kind: (parcel.state, parcel.detail) for parcel in hospital.store.sending.parcels()}


@pytest.mark.skipif(not PLUGIN.exists(), reason="orthanc-dicomweb is not installed")
def test_orthanc_takes_all_kinds_by_stow(orthanc: Orthanc, hospital: Hospital, plate: synthetic.Plate) -> None:
    with orthanc.running(plugins=[str(PLUGIN)]):
        hospital.sends_to(by_stow(f"{orthanc.web}/dicom-web"))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
        assert {state for state, _ in parcels(hospital).values()} == {ParcelState.ACKNOWLEDGED}
        assert sorted(found["Modality"] for found in orthanc.instances()) == ["DOC", "OT", "PR", "SR"]
        assert {found["StudyInstanceUID"] for found in orthanc.instances()} == {STUDY_UID}


def test_each_destination_is_sent_its_own_kinds(hospital: Hospital, plate: synthetic.Plate, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("registry", "archive")}
    for folder in folders.values():
        folder.mkdir()
    hospital.sends_to(
        DestinationSettings(
            name="registry", protocol="folder", folder=str(folders["registry"]), kinds=("structured_report",)
        ),
        DestinationSettings(
            name="archive",
            protocol="folder",
            folder=str(folders["archive"]),
            kinds=("secondary_capture", "pdf"),
            compression="none",
        ),
    )
    hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    found = {name: {pydicom.dcmread(path).Modality for path in folder.iterdir()} for name, folder in folders.items()}
    assert found == {"registry": {"SR"}, "archive": {"OT", "DOC"}}
    (capture,) = (one for path in folders["archive"].iterdir() if (one := pydicom.dcmread(path)).Modality == "OT")
    assert not capture.file_meta.TransferSyntaxUID.is_compressed
    assert capture.PhotometricInterpretation == "RGB"
    assert list(hospital.settings.dicom.results.folder.glob("*.dcm")) == []


def test_a_folder_that_is_not_there_is_not_made(hospital: Hospital, plate: synthetic.Plate, tmp_path: Path) -> None:
    """It may be a share that is not mounted."""
    hospital.sends_to(DestinationSettings(name="share", protocol="folder", folder=str(tmp_path / "share")))
    hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    assert {state for state, _ in parcels(hospital).values()} == {ParcelState.WAITING}
    assert not (tmp_path / "share").exists()


def test_the_token_is_sent_and_never_logged(
    hospital: Hospital, plate: synthetic.Plate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with archive(401) as (url, seen):
        hospital.sends_to(by_stow(url, token_file=str(tmp_path / "token")))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
    assert [headers["Authorization"] for headers in seen] == [f"Bearer {TOKEN}"]  # none is tried after it
    assert {state for state, _ in parcels(hospital).values()} == {ParcelState.WAITING}
    assert "not authorised" in str([vars(record) for record in caplog.records])
    assert TOKEN not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("status", "text", "state"),
    [
        (200, b"{}", ParcelState.ACKNOWLEDGED),
        (202, b"not JSON", ParcelState.ACKNOWLEDGED),
        (409, {"00081198": {"Value": [{"00081197": {"Value": [0x0111]}}]}}, ParcelState.ACKNOWLEDGED),  # a duplicate
        (409, {"00081198": {"Value": [{"00081197": {"Value": [0x0122]}}]}}, ParcelState.REFUSED),
        (200, {"00081198": {"Value": [{"00081197": {"Value": [0xA900]}}]}}, ParcelState.REFUSED),
        (415, b"", ParcelState.REFUSED),
        (503, b"", ParcelState.WAITING),
        (500, b"", ParcelState.WAITING),
    ],
)
def test_what_an_archive_answers_decides_what_is_done(
    hospital: Hospital, plate: synthetic.Plate, status: int, text: Any, state: ParcelState
) -> None:
    with archive(status, text if isinstance(text, bytes) else json.dumps(text).encode()) as (url, _):
        hospital.sends_to(by_stow(url, kinds=("pdf",)))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
    assert {kind: found for kind, (found, _) in parcels(hospital).items()} == {"pdf": state}


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({"protocol": "stow"}, "needs url"),
        ({"protocol": "folder"}, "needs folder"),
        ({}, "needs ae_title"),
        ({"protocol": "stow", "url": "pacs.example"}, "not an address"),
        ({"protocol": "stow", "url": "https://a:b@pacs.example/"}, "contains a password"),
        ({"protocol": "stow", "url": "http://pacs.example/", "token_file": "t"}, "https only"),
    ],
)
def test_a_destination_without_its_address_is_a_mistake(said: dict[str, str], hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        DestinationSettings.model_validate({"name": "a", **said})
