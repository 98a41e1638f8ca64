"""Results on their way to a PACS that others wrote: all arrive, once, whatever happens in between."""

from __future__ import annotations

import gc
import logging
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import highdicom as hd
import pydicom
import pytest

from koa_worker import synthetic
from koa_worker.config import Destination
from koa_worker.outbox import Outbox
from koa_worker.publish import codes
from koa_worker.store import ParcelState
from koa_worker.values import Side
from tests.integration.conftest import SECRETS, STUDY_UID, Hospital, Orthanc, free_port, hospital_in, until

# pynetdicom leaves a socket to the garbage collector when its peer was quicker to close the line.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collect_what_the_library_left() -> Iterator[None]:
    """Within the test whose socket it was, where the filter above holds."""
    yield
    gc.collect()


NOWHERE = "127.0.0.1"


def to(port: int, *, seconds: float = 2.0, name: str = "pacs") -> Destination:
    return Destination(name=name, ae_title="ORTHANC", host=NOWHERE, port=port, timeout_seconds=seconds)


def made(hospital: Hospital) -> dict[str, Path]:
    return {parcel.kind: Path(parcel.path) for parcel in hospital.store.parcels()}


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory, plate: synthetic.Plate) -> Iterator[Hospital]:
    """One image's three objects are made and not sent, since nobody answers."""
    with hospital_in(tmp_path_factory.mktemp("hospital")) as opened:
        opened.sends_to(to(free_port()))
        opened.grade(plate)
        Outbox(opened.settings, opened.store).work()
        yield opened


@pytest.fixture
def objects(at_rest: Hospital) -> dict[str, Path]:
    return made(at_rest)


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return (done.stdout + done.stderr).decode("utf-8", "replace")


@pytest.mark.parametrize("kind", ["structured_report", "secondary_capture", "pdf"])
def test_dciodvfy_finds_no_error(peer: Callable[[str], str], objects: dict[str, Path], kind: str) -> None:
    done = subprocess.run([peer("dciodvfy"), objects[kind]], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    assert done.returncode == 0


def test_dsrdump_prints_the_report(peer: Callable[[str], str], objects: dict[str, Path]) -> None:
    said = run(peer("dsrdump"), objects["structured_report"])
    assert said.count("Measurement Group") == 2
    assert "Kellgren-Lawrence grade 2, minimal" in said
    assert "Kellgren-Lawrence grade 1, doubtful" in said
    assert "UNVERIFIED" in said


def test_dcm2pdf_gives_the_report_back(
    peer: Callable[[str], str], objects: dict[str, Path], at_rest: Hospital, tmp_path: Path
) -> None:
    run(peer("dcm2pdf"), objects["pdf"], tmp_path / "out.pdf")
    (report,) = at_rest.settings.folders.reports.rglob("*.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == report.read_bytes()


def test_highdicom_reads_back_what_the_store_holds(objects: dict[str, Path], at_rest: Hospital) -> None:
    report = hd.sr.srread(objects["structured_report"])
    (key,) = {parcel.study_key for parcel in at_rest.store.parcels()}
    knees = at_rest.store.study_content(key).images[0].knees
    groups = report.content.get_image_measurement_groups()
    assert len(groups) == len(knees) == 2
    for group, knee in zip(groups, knees, strict=True):
        found = {item.name.value: item.value for item in group.get_measurements()}
        expected = {f"PKL{kl}": share for kl, share in enumerate(knee.grade.probabilities)}
        assert found == {**expected, "POA": knee.grade.oa_probability, "AGREE": knee.grade.agreement}
        (grade,) = group.get_qualitative_evaluations(codes.GRADE)
        assert grade.value == codes.GRADE_VALUES[knee.grade.kl]
        (site,) = group.finding_sites
        assert (site.value.value, site.laterality.value) == ("49076000", codes.SIDES[knee.roi.side].value)
        (image,) = [item for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
        source = pydicom.dcmread(next(at_rest.settings.folders.done.glob("*.dcm")), stop_before_pixels=True)
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert len({group.tracking_uid for group in groups}) == 2


def test_objects_lie_in_the_original_study_and_name_their_maker(objects: dict[str, Path], at_rest: Hospital) -> None:
    source = pydicom.dcmread(next(at_rest.settings.folders.done.glob("*.dcm")), stop_before_pixels=True)
    series = set()
    for path in objects.values():
        found = pydicom.dcmread(path)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
                        "AccessionNumber", "StudyID", "StudyDescription", "SpecificCharacterSet"):  # fmt: skip
            assert found[keyword].value == source[keyword].value, keyword
        assert "research use only" in found.SeriesDescription
        equipment = found.ContributingEquipmentSequence[0]
        assert "ab" * 32 in equipment.ContributionDescription
        assert "net-v1" in equipment.SoftwareVersions
        assert path.stat().st_mode & 0o077 == 0
        series.add(found.SeriesInstanceUID)
    assert len(series) == 3
    assert source.SeriesInstanceUID not in series


def test_the_same_result_makes_the_same_objects(objects: dict[str, Path], at_rest: Hospital) -> None:
    before = {path: path.read_bytes() for path in objects.values()}
    (key,) = {parcel.study_key for parcel in at_rest.store.parcels()}
    assert at_rest.store.send_again([key]) == 1
    Outbox(at_rest.settings, at_rest.store).work()
    assert {path: path.read_bytes() for path in made(at_rest).values()} == before


def test_orthanc_shows_all_three_in_the_same_study(
    orthanc: Orthanc, hospital: Hospital, plate: synthetic.Plate
) -> None:
    hospital.sends_to(orthanc.destination)
    hospital.grade(plate)
    with orthanc.running():
        Outbox(hospital.settings, hospital.store).work()
        (study,) = [orthanc.get(f"/studies/{name}") for name in orthanc.get("/studies")]
        assert study["MainDicomTags"]["StudyInstanceUID"] == STUDY_UID
        assert study["PatientMainDicomTags"]["PatientID"] == "SYN-0101"
        assert "Примеров" in study["PatientMainDicomTags"]["PatientName"]
        modalities = sorted(orthanc.get(f"/series/{name}")["MainDicomTags"]["Modality"] for name in study["Series"])
        assert modalities == ["DOC", "OT", "SR"]
    assert {parcel.state for parcel in hospital.store.parcels()} == {ParcelState.ACKNOWLEDGED}
    assert list(hospital.settings.dicom.results.folder.glob("*.dcm")) == []


def test_while_orthanc_is_away_nothing_is_lost_and_later_all_arrive_once(
    orthanc: Orthanc, hospital: Hospital, plate: synthetic.Plate
) -> None:
    hospital.sends_to(orthanc.destination)
    hospital.grade(plate)
    with orthanc.running():
        Outbox(hospital.settings, hospital.store).work()
        assert len(orthanc.instances()) == 3
    for study in ("2.25.77", "2.25.78"):
        hospital.grade(plate, study_uid=study)
        Outbox(hospital.settings, hospital.store).work()
    waiting = [parcel for parcel in hospital.store.parcels() if parcel.state is ParcelState.WAITING]
    assert len(waiting) == 6
    assert all(parcel.tries for parcel in waiting[:3])
    with orthanc.running():
        # A new outbox, as after a restart: what it knows is what the store says.
        until(lambda: (Outbox(hospital.settings, hospital.store).work(), not still_waiting(hospital))[1])
        found = sorted(tags["SOPInstanceUID"] for tags in orthanc.instances())
    assert found == sorted(parcel.sop_uid for parcel in hospital.store.parcels())
    assert len(found) == len(set(found)) == 9
    assert max(parcel.tries for parcel in hospital.store.parcels()[:3]) == 1


def still_waiting(hospital: Hospital) -> bool:
    return any(parcel.state is not ParcelState.ACKNOWLEDGED for parcel in hospital.store.parcels())


def test_a_peer_that_accepts_and_never_answers_is_given_up(
    hospital: Hospital, plate: synthetic.Plate, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server((NOWHERE, 0)) as silent:
        hospital.sends_to(to(silent.getsockname()[1], seconds=0.5))
        hospital.grade(plate)
        with caplog.at_level(logging.INFO, "koa_worker"):
            Outbox(hospital.settings, hospital.store).work()
    assert {parcel.state for parcel in hospital.store.parcels()} == {ParcelState.WAITING}
    assert [parcel.tries for parcel in hospital.store.parcels()] == [1, 1, 1]
    assert "destination does not answer" in caplog.text
    assert not any(secret in f"{vars(record)}" for record in caplog.records for secret in SECRETS)


def test_a_peer_that_speaks_something_else_is_given_up(hospital: Hospital, plate: synthetic.Plate) -> None:
    with socket.create_server((NOWHERE, 0)) as babbler:
        hospital.sends_to(to(babbler.getsockname()[1]))
        hospital.grade(plate)

        def babble() -> None:
            line, _ = babbler.accept()
            with line:
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)

        thread = threading.Thread(target=babble)
        thread.start()
        Outbox(hospital.settings, hospital.store).work()
        thread.join()
    assert {parcel.state for parcel in hospital.store.parcels()} == {ParcelState.WAITING}


def test_what_was_reported_before_a_destination_was_known_is_sent_only_when_asked(
    orthanc: Orthanc, hospital: Hospital, plate: synthetic.Plate
) -> None:
    key = hospital.grade(plate)
    hospital.sends_to(to(free_port()))
    Outbox(hospital.settings, hospital.store).work()
    assert hospital.store.parcels() == ()
    hospital.store.send_again([key])
    Outbox(hospital.settings, hospital.store).work()
    assert len(hospital.store.parcels()) == 3


def test_a_new_revision_sends_its_pdf_and_nothing_twice(hospital: Hospital, plate: synthetic.Plate) -> None:
    hospital.sends_to(to(free_port()))
    hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    first = hospital.store.parcels()
    other = synthetic.draw(synthetic.PlateSpec(500, 600, 0.5, (synthetic.Knee(Side.LEFT),), seed=9))
    hospital.grade(other, kl=(3, 4))
    Outbox(hospital.settings, hospital.store).work()
    kinds = [parcel.kind for parcel in hospital.store.parcels()[len(first) :]]
    assert sorted(kinds) == ["pdf", "secondary_capture", "structured_report"]
