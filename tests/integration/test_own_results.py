"""Results of this program that come back, in any way and form, are not graded."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from koa_worker import synthetic
from koa_worker.config import Config, DestinationSettings, Limits
from koa_worker.errors import InputRejected
from koa_worker.intake import claim, digest, scan
from koa_worker.pipeline import Pipeline
from koa_worker.publish.outbox import Outbox
from koa_worker.read import read
from koa_worker.store import State
from koa_worker.synthetic.write import write_dicom
from koa_worker.system.own_mark import marked
from koa_worker.values import Arrival
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import Done
from tests.integration.conftest import Hospital, hospital_in

KINDS = ("structured_report", "secondary_capture", "pdf")
# How others write the same picture: DCMTK's programs and their options.
WRITTEN_AGAIN = {
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "RLE": ("dcmcrle",),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG baseline": ("dcmcjpeg", "+eb", "+q", "60"),
    "JPEG-LS": ("dcmcjpls", "+el"),
}
DRAWN_AGAIN = {
    "PNG": ("dcm2pnm", "+on"),
    "small PNG": ("dcm2pnm", "+on", "+Sxv", "700"),
    "JPEG": ("dcmj2pnm", "+oj", "+Jq", "50"),
    "bitmap": ("dcm2pnm", "+ob"),
    "TIFF": ("dcm2pnm", "+ot"),
}


@pytest.fixture(scope="module")
def objects(
    tmp_path_factory: pytest.TempPathFactory, plate: synthetic.Plate, nobodys_port: int
) -> Iterator[dict[str, Path]]:
    with hospital_in(tmp_path_factory.mktemp("hospital")) as hospital:
        hospital.sends_to(DestinationSettings(name="pacs", ae_title="PACS", host="127.0.0.1", port=nobodys_port))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
        made = {parcel.kind: Path(parcel.path) for parcel in hospital.store.sending.parcels()}
        capture = pydicom.dcmread(made["secondary_capture"])
        capture.decompress(generate_instance_uid=False)  # not every program below reads JPEG
        capture.save_as(made["secondary_capture"])
        yield made


def arrival(path: Path) -> Arrival:
    return Arrival(path, digest(path), path.stat().st_size, "")


def code_of(path: Path) -> str:
    """Why it is not graded; empty if it may be."""
    try:
        read(arrival(path), Limits())
    except InputRejected as fault:
        return fault.code
    return ""


def without_maker(source: Path, target: Path) -> Path:
    """As a gateway leaves it that takes out who made an object."""
    found = pydicom.dcmread(source)
    for keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ContributingEquipmentSequence"):
        if keyword in found:
            del found[keyword]
    found.file_meta.ImplementationClassUID = generate_uid()
    found.Modality, found.SOPInstanceUID = "DX", generate_uid()
    found.save_as(target)
    return target


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_known_by_its_maker(objects: dict[str, Path], kind: str) -> None:
    assert code_of(objects[kind]) == "own_result"


@pytest.mark.parametrize("how", WRITTEN_AGAIN)
@pytest.mark.parametrize("anonymous", [False, True])
def test_a_capture_is_known_in_every_transfer_syntax(
    peer: Callable[[str], str], objects: dict[str, Path], tmp_path: Path, how: str, anonymous: bool
) -> None:
    source = objects["secondary_capture"]
    if anonymous:
        source = without_maker(source, tmp_path / "anonymous.dcm")
    program, *options = WRITTEN_AGAIN[how]
    subprocess.run([peer(program), *options, source, tmp_path / "again.dcm"], check=True, capture_output=True)
    assert code_of(tmp_path / "again.dcm") == "own_result"


@pytest.mark.parametrize("how", DRAWN_AGAIN)
def test_a_capture_is_known_when_another_program_draws_it(
    peer: Callable[[str], str], objects: dict[str, Path], tmp_path: Path, how: str
) -> None:
    program, *options = DRAWN_AGAIN[how]
    source = without_maker(objects["secondary_capture"], tmp_path / "anonymous.dcm")
    subprocess.run([peer(program), *options, source, tmp_path / "drawn"], check=True, capture_output=True)
    assert code_of(tmp_path / "drawn") == "own_result"


def test_a_page_of_the_report_is_known_when_another_program_draws_it(
    peer: Callable[[str], str], objects: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "report.pdf").write_bytes(pydicom.dcmread(objects["pdf"]).EncapsulatedDocument)
    words = [peer("pdftoppm"), "-r", "90", "-png", tmp_path / "report.pdf", tmp_path / "page"]
    subprocess.run(words, check=True, capture_output=True)
    pages = sorted(tmp_path.glob("page*.png"))
    assert pages
    assert {code_of(page) for page in pages} == {"own_result"}


def test_what_others_derived_or_captured_is_still_read(plate: synthetic.Plate, tmp_path: Path) -> None:
    write_dicom(tmp_path / "film.dcm", plate)
    film = pydicom.dcmread(tmp_path / "film.dcm")
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    film.ImageType, film.Modality, film.ConversionType = ["DERIVED", "SECONDARY", "OTHER"], "OT", "DF"
    film.Manufacturer, film.ManufacturerModelName = "Vidar", "Film digitizer"
    film.save_as(tmp_path / "film.dcm")
    assert code_of(tmp_path / "film.dcm") == ""


def test_in_the_daemon_own_results_fail_nothing_and_report_nothing(
    objects: dict[str, Path], hospital: Hospital, plate: synthetic.Plate
) -> None:
    steps = FileSteps(hospital.settings, hospital.store, Pipeline.load(Config()))
    folders = hospital.settings.folders
    for kind in KINDS:
        (folders.inbox / f"{kind}.dcm").write_bytes(objects[kind].read_bytes())
    claims = [claim(waiting, folders.work) for waiting in scan(folders.inbox).oldest]
    ends = [steps.work(taken) for taken in claims if taken is not None]
    assert [(end.state, end.code) for end in ends if isinstance(end, Done)] == [(State.DUPLICATE, "own_result")] * 3
    assert hospital.store.counts.status().counts[State.DUPLICATE] == 3
    assert hospital.store.reports.due() == ()
    filed = [path for path in folders.rejected.rglob("*") if path.is_file()]
    assert len(filed) == 6
    assert all(path.read_text().startswith("own_result\n") for path in filed if path.suffix == ".txt")
    assert not any(path.is_file() for path in folders.reports.rglob("*"))
    assert not any(path.is_file() for path in folders.work.glob("*.file"))


def test_a_picture_of_the_page_is_known(plate: synthetic.Plate, tmp_path: Path) -> None:
    small = cv2.imencode(".jpg", (plate.pixels >> 8).astype("uint8"))[1].tobytes()
    (tmp_path / "plain.jpg").write_bytes(small)
    (tmp_path / "frame.jpg").write_bytes(marked(small))
    assert code_of(tmp_path / "plain.jpg") == ""
    assert code_of(tmp_path / "frame.jpg") == "own_result"
