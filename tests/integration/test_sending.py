"""Results for a PACS of another maker: all arrive once, with any fault in between."""

from __future__ import annotations

import gc
import logging
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import highdicom as hd
import pydicom
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from typer.testing import CliRunner, Result

from koa_worker import synthetic
from koa_worker.commands.cli import app
from koa_worker.config import DestinationSettings
from koa_worker.errors import SetupError, UnknownRecord
from koa_worker.publish.objects import codes
from koa_worker.publish.outbox import Outbox
from koa_worker.store import ParcelState
from koa_worker.values import Side, SpacingSource
from tests.integration.conftest import SECRETS, STUDY_UID, Hospital, Orthanc, hospital_in
from tests.make import free_port, until


@pytest.fixture(autouse=True)
def _collect_what_was_left() -> Iterator[None]:
    """A socket that was not closed is an error of the test in which it was opened."""
    yield
    gc.collect()


NOWHERE = "127.0.0.1"


def to(port: int, *, seconds: float = 2.0, name: str = "pacs") -> DestinationSettings:
    return DestinationSettings(name=name, ae_title="ORTHANC", host=NOWHERE, port=port, timeout_seconds=seconds)


def made(hospital: Hospital) -> dict[str, Path]:
    return {parcel.kind: Path(parcel.path) for parcel in hospital.store.sending.parcels()}


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory, plate: synthetic.Plate, nobodys_port: int) -> Iterator[Hospital]:
    """One image's three objects are made and not sent, since nobody answers."""
    with hospital_in(tmp_path_factory.mktemp("hospital")) as opened:
        opened.sends_to(to(nobodys_port))
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


@pytest.mark.parametrize("kind", ["structured_report", "secondary_capture", "presentation", "pdf"])
def test_dciodvfy_finds_no_error(peer: Callable[[str], str], objects: dict[str, Path], kind: str) -> None:
    done = subprocess.run([peer("dciodvfy"), objects[kind]], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    assert done.returncode == 0


def test_dsrdump_prints_the_report(peer: Callable[[str], str], objects: dict[str, Path]) -> None:
    said = run(peer("dsrdump"), objects["structured_report"])
    assert said.count("Measurement Group") == 8
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
    (key,) = {parcel.study_key for parcel in at_rest.store.sending.parcels()}
    knees = at_rest.store.studies.content(key).images[0].knees
    regions = report.content.get_planar_roi_measurement_groups()
    groups = [group for group in regions if group.get_qualitative_evaluations(codes.GRADE)]
    outlines = [group.roi.value.tolist() for group in regions if group not in groups]
    spaces = {
        (group.finding_sites[0].laterality.value, item.name.value): (item, group)
        for group in report.content.get_image_measurement_groups()
        for item in group.get_measurements()
    }
    assert len(groups) == len(knees) == 2
    for group, knee in zip(groups, knees, strict=True):
        found = {item.name.value: item.value for item in group.get_measurements()}
        expected = {f"PKL{kl}": round(100 * share, 1) for kl, share in enumerate(knee.grade.probabilities)}
        space = knee.joint_space
        assert space is not None
        expected["POA"] = round(100 * knee.grade.oa_probability, 1)
        if knee.grade.agreement is not None:
            expected["AGREE"] = round(100 * knee.grade.agreement, 1)
        assert found == {**expected, "KL": knee.grade.kl}
        units = {item.name.value: item.unit.value for item in group.get_measurements()}
        assert units == {**dict.fromkeys(expected, "%"), "KL": f"{{KL{knee.grade.kl}}}"}
        measured = [part for part in space.compartments if part.clear]
        assert len(measured) == 2 - (knee.grade.kl == 1)
        for part in measured:
            width, of = spaces.pop((codes.SIDES[knee.roi.side].value, codes.WIDTHS[part.name].value))
            assert part.min_mm is not None
            assert width.value == round(part.min_mm, 1)
            (line,) = width.referenced_coordinates
            assert line.value.shape == (2, 2)
            around = [*part.femoral, *part.tibial[::-1], part.femoral[0]]
            assert outlines.pop(0) == [[x + 0.5, y + 0.5] for x, y in around]
            (plane,) = of.get_qualitative_evaluations(codes.PLANE)
            assert plane.value == codes.PLANES[SpacingSource.DETECTOR]
        box = knee.roi.box
        corners = group.roi.value
        assert (corners[0] == corners[-1]).all()
        assert corners.min(axis=0).tolist() == [box.x, 0]  # it reaches over the upper edge
        assert corners.max(axis=0).tolist() == [box.x + box.width, box.y + box.height]
        (grade,) = group.get_qualitative_evaluations(codes.GRADE)
        assert grade.value == codes.GRADE_VALUES[knee.grade.kl]
        (site,) = group.finding_sites
        assert (site.value.value, site.laterality.value) == ("49076000", codes.SIDES[knee.roi.side].value)
        (image,) = group.roi.ContentSequence
        (shown,) = [item for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
        assert shown.name == codes.VISUAL_EXPLANATION
        capture = pydicom.dcmread(objects["secondary_capture"], stop_before_pixels=True)
        assert shown.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == capture.SOPInstanceUID
        source = pydicom.dcmread(next(at_rest.settings.folders.done.glob("*.dcm")), stop_before_pixels=True)
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (spaces, outlines) == ({}, [])
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
        program, equipment = found.ContributingEquipmentSequence
        assert program.DeviceUID != equipment.DeviceUID
        assert found.ContentQualification == "RESEARCH"
        assert "ab" * 32 in equipment.ContributionDescription
        assert "net-v1" in equipment.SoftwareVersions
        assert path.stat().st_mode & 0o077 == 0
        series.add(found.SeriesInstanceUID)
    assert len(series) == 4
    assert source.SeriesInstanceUID not in series


def test_the_same_result_makes_the_same_objects(objects: dict[str, Path], at_rest: Hospital) -> None:
    before = {path: path.read_bytes() for path in objects.values()}
    (key,) = {parcel.study_key for parcel in at_rest.store.sending.parcels()}
    at_rest.store.sending.send_again([key])
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
        assert modalities == ["DOC", "OT", "PR", "SR"]
    assert {parcel.state for parcel in hospital.store.sending.parcels()} == {ParcelState.ACKNOWLEDGED}
    assert list(hospital.settings.dicom.results.folder.glob("*.dcm")) == []


def test_while_orthanc_is_away_nothing_is_lost_and_later_all_arrive_once(
    orthanc: Orthanc, hospital: Hospital, plate: synthetic.Plate
) -> None:
    hospital.sends_to(orthanc.destination)
    hospital.grade(plate)
    with orthanc.running():
        Outbox(hospital.settings, hospital.store).work()
        assert len(orthanc.instances()) == 4
    for study in ("2.25.77", "2.25.78"):
        hospital.grade(plate, study_uid=study)
        Outbox(hospital.settings, hospital.store).work()
    waiting = [parcel for parcel in hospital.store.sending.parcels() if parcel.state is ParcelState.WAITING]
    assert len(waiting) == 8
    with orthanc.running():
        # A new outbox, as after a restart: what it knows is what the store says.
        until(lambda: (Outbox(hospital.settings, hospital.store).work(), not still_waiting(hospital))[1])
        found = sorted(tags["SOPInstanceUID"] for tags in orthanc.instances())
    assert found == sorted(parcel.sop_uid for parcel in hospital.store.sending.parcels())
    assert len(found) == len(set(found)) == 12
    assert max(parcel.tries for parcel in hospital.store.sending.parcels()[:4]) == 1


def still_waiting(hospital: Hospital) -> bool:
    return any(parcel.state is not ParcelState.ACKNOWLEDGED for parcel in hospital.store.sending.parcels())


def test_a_peer_that_accepts_and_never_answers_is_given_up(
    hospital: Hospital, plate: synthetic.Plate, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server((NOWHERE, 0)) as silent:
        hospital.sends_to(to(silent.getsockname()[1], seconds=0.5))
        hospital.grade(plate)
        with caplog.at_level(logging.INFO, "koa_worker"):
            Outbox(hospital.settings, hospital.store).work()
    assert {parcel.state for parcel in hospital.store.sending.parcels()} == {ParcelState.WAITING}
    assert [parcel.tries for parcel in hospital.store.sending.parcels()] == [0, 0, 0, 0]  # it has said nothing of them
    assert "destination does not take results" in caplog.text
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
    assert {parcel.state for parcel in hospital.store.sending.parcels()} == {ParcelState.WAITING}


def test_what_was_reported_before_a_destination_was_known_is_sent_only_when_asked(
    hospital: Hospital, plate: synthetic.Plate, nobodys_port: int
) -> None:
    key = hospital.grade(plate)
    hospital.sends_to(to(nobodys_port))
    Outbox(hospital.settings, hospital.store).work()
    assert hospital.store.sending.parcels() == ()
    hospital.store.sending.send_again([key])
    Outbox(hospital.settings, hospital.store).work()
    assert len(hospital.store.sending.parcels()) == 4


def test_a_new_revision_sends_its_pdf_and_nothing_twice(
    hospital: Hospital, plate: synthetic.Plate, nobodys_port: int
) -> None:
    hospital.sends_to(to(nobodys_port))
    hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    first = hospital.store.sending.parcels()
    other = synthetic.draw(synthetic.PlateSpec(500, 600, 0.5, (synthetic.KneeSpec(Side.LEFT),), seed=9))
    hospital.grade(other, kl=(3, 4))
    Outbox(hospital.settings, hospital.store).work()
    kinds = [parcel.kind for parcel in hospital.store.sending.parcels()[len(first) :]]
    assert sorted(kinds) == ["pdf", "presentation", "secondary_capture", "structured_report"]


def storescp(program: str, port: int, folder: Path, *options: str | Path) -> subprocess.Popen[bytes]:
    """Another maker's receiver, ready to be sent to."""
    folder.mkdir()
    words = [program, "-aet", "ORTHANC", "-od", str(folder), *map(str, options), str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((NOWHERE, port)) == 0

    until(listens)
    return process


@pytest.mark.parametrize("shows_ours", [False, True])
def test_over_tls(
    peer: Callable[[str], str],
    hospital: Hospital,
    plate: synthetic.Plate,
    papers: tuple[Path, Path],
    tmp_path: Path,
    shows_ours: bool,
) -> None:
    certificate, key = papers
    said = {"tls_authority": str(certificate)}
    if shows_ours:
        said |= {"tls_certificate": str(certificate), "tls_key": str(key)}
    port = free_port()
    hospital.sends_to(to(port, seconds=20).model_copy(update=said))
    hospital.grade(plate)
    asks = ["-rc"] if shows_ours else ["-ic"]
    with storescp(
        peer("storescp"), port, tmp_path / "pacs", "+tls", key, certificate, "+cf", certificate, *asks
    ) as pacs:
        Outbox(hospital.settings, hospital.store).work()
        pacs.terminate()
    assert {parcel.state for parcel in hospital.store.sending.parcels()} == {ParcelState.ACKNOWLEDGED}
    assert len(list((tmp_path / "pacs").iterdir())) == 4


def test_a_pacs_that_cannot_prove_who_it_is_gets_nothing(
    peer: Callable[[str], str],
    hospital: Hospital,
    plate: synthetic.Plate,
    papers: tuple[Path, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate, key = papers
    other = tmp_path / "other.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "/dev/null"]
    subprocess.run([peer("openssl"), *words, "-out", str(other)], check=True, capture_output=True)
    port = free_port()
    hospital.sends_to(to(port, seconds=20).model_copy(update={"tls_authority": str(other)}))
    hospital.grade(plate)
    with storescp(peer("storescp"), port, tmp_path / "pacs", "+tls", key, certificate, "-ic") as pacs:
        Outbox(hospital.settings, hospital.store).work()
        pacs.terminate()
    assert {parcel.state for parcel in hospital.store.sending.parcels()} == {ParcelState.WAITING}
    assert list((tmp_path / "pacs").iterdir()) == []
    assert "certificate is not accepted: self" in f"{[vars(record) for record in caplog.records]}"


@contextmanager
def pacs_that_answers(answer: Callable[[evt.Event], int], *classes: str) -> Iterator[int]:
    """A PACS that rejects certain objects; gives its port."""
    application = AE("ORTHANC")
    for storage_class in classes or (
        Comprehensive3DSRStorage,
        SecondaryCaptureImageStorage,
        GrayscaleSoftcopyPresentationStateStorage,
        EncapsulatedPDFStorage,
    ):
        application.add_supported_context(storage_class)
    server = application.start_server((NOWHERE, 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "state", "tries"),
    [
        (0x0000, ParcelState.ACKNOWLEDGED, 1),
        (0xB006, ParcelState.ACKNOWLEDGED, 1),  # with elements left out
        (0x0111, ParcelState.ACKNOWLEDGED, 1),  # it is there already
        (0xA700, ParcelState.WAITING, 1),  # no room
        (0x0110, ParcelState.WAITING, 1),  # stumbled
        (0xC123, ParcelState.WAITING, 1),  # cannot understand
        (0x0122, ParcelState.REFUSED, 1),  # class not supported
        (0xA900, ParcelState.REFUSED, 1),  # the data set does not fit its class
        (0x0124, ParcelState.REFUSED, 1),  # not authorised
    ],
)
def test_what_a_pacs_answers_decides_what_is_done(
    hospital: Hospital, plate: synthetic.Plate, status: int, state: ParcelState, tries: int
) -> None:
    with pacs_that_answers(lambda _event: status) as port:
        hospital.sends_to(to(port, seconds=20), retry_seconds=60.0)
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
    found = hospital.store.sending.parcels()
    asked = 3 if status == 0xA700 else 4  # three times without room, and the rest is kept back
    assert [(parcel.state, parcel.tries) for parcel in found] == [(state, tries)] * asked + [(state, 0)] * (4 - asked)
    kept = list(hospital.settings.dicom.results.folder.glob("*.dcm"))
    assert len(kept) == (0 if state is ParcelState.ACKNOWLEDGED else 4)


def test_what_a_pacs_stumbles_over_is_tried_so_often_and_left_to_a_person(
    hospital: Hospital, plate: synthetic.Plate
) -> None:
    status = 0xC000
    with pacs_that_answers(lambda _event: status) as port:
        hospital.sends_to(to(port, seconds=20))
        hospital.grade(plate)
        outbox = Outbox(hospital.settings, hospital.store)
        until(lambda: (outbox.work(), states(hospital) == {ParcelState.REFUSED})[1])
        assert {parcel.tries for parcel in hospital.store.sending.parcels()} == {hospital.settings.limits.max_tries}
        status = 0x0000
        outbox.work()
        assert states(hospital) == {ParcelState.REFUSED}  # nobody asked
        assert hospital.store.sending.wake_parcels() == 4
        outbox.work()
        assert states(hospital) == {ParcelState.ACKNOWLEDGED}


def states(hospital: Hospital) -> set[ParcelState]:
    return {parcel.state for parcel in hospital.store.sending.parcels()}


def test_a_class_that_is_not_accepted_is_left_to_a_person_and_the_others_arrive(
    hospital: Hospital, plate: synthetic.Plate
) -> None:
    classes = (SecondaryCaptureImageStorage, GrayscaleSoftcopyPresentationStateStorage, EncapsulatedPDFStorage)
    with pacs_that_answers(lambda _event: 0x0000, *classes) as port:
        hospital.sends_to(to(port, seconds=20))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
    found = {parcel.kind: (parcel.state, parcel.detail) for parcel in hospital.store.sending.parcels()}
    assert found.pop("structured_report") == (ParcelState.REFUSED, "storage class not accepted")
    assert {state for state, _detail in found.values()} == {ParcelState.ACKNOWLEDGED}


def test_a_pacs_that_accepts_none_of_the_classes_is_not_taken_for_one_that_is_down(
    hospital: Hospital, plate: synthetic.Plate
) -> None:
    with pacs_that_answers(lambda _event: 0x0000, Verification) as port:
        hospital.sends_to(to(port, seconds=20))
        hospital.grade(plate)
        Outbox(hospital.settings, hospital.store).work()
    found = {(parcel.state, parcel.detail) for parcel in hospital.store.sending.parcels()}
    assert found == {(ParcelState.REFUSED, "storage class not accepted")}


def test_one_object_that_there_is_no_room_for_holds_up_no_other(hospital: Hospital, plate: synthetic.Plate) -> None:
    def answer(event: evt.Event) -> int:
        return 0xA700 if event.request.AffectedSOPClassUID == Comprehensive3DSRStorage else 0x0000

    with pacs_that_answers(answer) as port:
        hospital.sends_to(to(port, seconds=20))
        hospital.grade(plate)
        outbox = Outbox(hospital.settings, hospital.store)
        for _ in range(hospital.settings.limits.max_tries + 1):
            hospital.store.sending.wake_parcels()
            outbox.work()
    found = {parcel.kind: parcel.state for parcel in hospital.store.sending.parcels()}
    assert found.pop("structured_report") is ParcelState.WAITING
    assert set(found.values()) == {ParcelState.ACKNOWLEDGED}


def test_objects_that_nobody_waits_for_are_removed(
    hospital: Hospital, plate: synthetic.Plate, nobodys_port: int
) -> None:
    hospital.sends_to(to(nobodys_port))
    hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    folder = hospital.settings.dicom.results.folder
    (folder / "2.25.1.dcm").write_bytes(b"of a kill between acknowledging and removing")
    (folder / "2.25.2.part").write_bytes(b"of a kill while writing")
    Outbox(hospital.settings, hospital.store).work()
    assert sorted(folder.glob("2.25.*")) == sorted(made(hospital).values())


@pytest.fixture
def send_command(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`koa-worker send` in the hospital's folder."""
    monkeypatch.chdir(hospital.folder)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda *reports: CliRunner().invoke(app, ["send", *reports])
    root.handlers[:] = handlers
    root.setLevel(level)


def test_koa_worker_send(hospital: Hospital, plate: synthetic.Plate, send_command: Callable[..., Result]) -> None:
    assert isinstance(send_command().exception, SetupError)  # nowhere to send to
    came: list[str] = []

    def answer(event: evt.Event) -> int:
        came.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    key = hospital.grade(plate)
    with pacs_that_answers(answer) as port:
        (hospital.folder / "config.toml").write_text(
            f"[[dicom.destinations]]\nname = 'pacs'\nae_title = 'ORTHANC'\nhost = '{NOWHERE}'\nport = {port}\n"
        )
        assert send_command().exit_code == 0
        assert came == []  # it was reported before the destination was known
        sent = send_command(f"{key}.pdf")
        assert (sent.exit_code, len(came)) == (0, 4)
        assert "4 acknowledged" in sent.stdout
        assert (send_command().exit_code, len(came)) == (0, 4)  # nothing twice
        assert (send_command(key).exit_code, sorted(came)) == (
            0,
            sorted(came[:4] * 2),
        )  # unless asked; the same objects
        unknown = send_command("unheard-of.pdf")
        assert isinstance(unknown.exception, UnknownRecord)
        assert str(unknown.exception).startswith("The database has no such record (study unheard-of). ")
    gone = send_command(key)
    assert gone.exit_code == 1
    assert "4 waiting" in gone.stdout
    assert "Connection refused" in gone.stderr
    assert not any(secret in gone.output + sent.output for secret in SECRETS)
