"""The images of a study arrive one after the other: a PACS gets one report, and is told when another replaces it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import EncapsulatedPDFStorage

from koa_worker import __version__, synthetic
from koa_worker.publish.outbox import Outbox
from koa_worker.registrar import Registrar
from koa_worker.store import Store
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Completed, GradedBy, Radiograph, Side, Study
from tests.integration.conftest import PATIENT, STUDY_UID, Hospital, Orthanc, knee
from tests.integration.test_auto_route import SETTINGS
from tests.integration.test_daemon import environment
from tests.integration.test_sending import to
from tests.make import free_ports, until

STUDY = "2.25.77"
QUIET_SECONDS = 8.0  # longer than grading an image takes on a busy machine


def drop(folder: Path, number: int, **said: str) -> None:
    """One of a study's images into the inbox."""
    side = Side.RIGHT if number % 2 else Side.LEFT
    spec = synthetic.PlateSpec(1000, 1200, 0.3, (synthetic.KneeSpec(side, centre=(0.4, 0.5)),), seed=number)
    film = folder / f"{number}.dcm"
    write_dicom(film, synthetic.draw(spec), patient=PATIENT, study_uid=STUDY)
    header = pydicom.dcmread(film)
    for keyword, value in said.items():
        setattr(header, keyword, value)
    header.save_as(film)
    film.rename(folder / f"work/inbox/{number}.dcm")


@contextmanager
def daemon_in(folder: Path) -> Iterator[None]:
    words = [sys.executable, "-m", "koa_worker", "run"]
    with (
        (folder / "said").open("a") as log,
        subprocess.Popen(words, cwd=folder, env=environment(), stderr=log) as daemon,
    ):
        try:
            yield
        finally:
            daemon.terminate()
            daemon.wait(60)


def configure(folder: Path, orthanc: Orthanc, quiet_seconds: float) -> None:
    (folder / "work/inbox").mkdir(parents=True)
    (port,) = free_ports(1)
    settings = SETTINGS.format(port=port, pacs=orthanc.port).replace(
        "retry_seconds", 'supersede = "iocm"\nretry_seconds'
    )
    (folder / "config.toml").write_text(settings.replace("quiet_seconds = 0.0", f"quiet_seconds = {quiet_seconds}"))


def of(orthanc: Orthanc, modality: str) -> list[dict[str, Any]]:
    found = [tags for tags in orthanc.instances() if tags["Modality"] == modality]
    return sorted(found, key=lambda tags: int(tags["InstanceNumber"]))


def named_in(tags: dict[str, Any], sequence: str) -> set[str]:
    """The UIDs of the objects that a sequence names, in Orthanc's form of it."""
    return {
        one["ReferencedSOPInstanceUID"]
        for study in tags.get(sequence, ())
        for series in study["ReferencedSeriesSequence"]
        for one in series["ReferencedSOPSequence"]
    }


@pytest.mark.timeout(500)
def test_four_images_make_one_report_and_a_fifth_makes_one_that_replaces_it(orthanc: Orthanc, tmp_path: Path) -> None:
    configure(tmp_path, orthanc, QUIET_SECONDS)
    with orthanc.running():
        with daemon_in(tmp_path):
            until(lambda: "ready" in (tmp_path / "said").read_text(), 240)
            for number in (1, 2, 3, 4):
                drop(tmp_path, number)
                time.sleep(1.0)
            until(lambda: of(orthanc, "DOC"), 200)
            (report,) = of(orthanc, "DOC")
            drop(tmp_path, 5)
            until(lambda: of(orthanc, "KO"), 200)
        reports, (note,) = of(orthanc, "DOC"), of(orthanc, "KO")
        measured = of(orthanc, "SR")
    assert "revision 1" in report["DocumentTitle"]
    assert [tags["SeriesDescription"] for tags in reports] == [
        f"koa-worker report revision {revision}, AI, research use only" for revision in (1, 2)
    ]
    assert "revision 2" in reports[1]["DocumentTitle"]
    (before,) = reports[1]["PredecessorDocumentsSequence"]
    (series,) = before["ReferencedSeriesSequence"]
    assert before["StudyInstanceUID"] == STUDY
    assert series["SeriesInstanceUID"] == report["SeriesInstanceUID"]
    assert series["ReferencedSOPSequence"][0]["ReferencedSOPInstanceUID"] == report["SOPInstanceUID"]
    assert {tags["InstanceNumber"] for tags in measured} == {"1", "2", "3", "4", "5"}
    # The fifth image shows a knee that others show too, so that what is said of one of those is replaced as well.
    replaced = {uid for later in (*reports, *measured) for uid in named_in(later, "PredecessorDocumentsSequence")}
    assert replaced - {report["SOPInstanceUID"]} < {tags["SOPInstanceUID"] for tags in measured}
    assert len(measured) == 5 + len(replaced) - 1
    assert named_in(note, "CurrentRequestedProcedureEvidenceSequence") == replaced


@pytest.mark.timeout(500)
def test_waiting_outlives_a_restart_and_a_drain_writes_at_its_end_what_would_wait(
    tmp_path: Path, orthanc: Orthanc
) -> None:
    configure(tmp_path, orthanc, 3600.0)
    drop(tmp_path, 1, AcquisitionDate="20260301", AcquisitionTime="110000")
    with daemon_in(tmp_path):
        until(lambda: "completed file" in (tmp_path / "said").read_text(), 240)
    assert not list((tmp_path / "reports").rglob("*.pdf"))
    drop(tmp_path, 2, AcquisitionDate="20260301", AcquisitionTime="100000")
    words = [sys.executable, "-m", "koa_worker", "run", "--once"]
    subprocess.run(words, check=True, cwd=tmp_path, env=environment(), timeout=300)
    with Store.open(f"sqlite:///{tmp_path}/work/koa.sqlite3") as store:
        assert store.reports.owed() == store.reports.due() == ()
        (key,) = {parcel.study_key for parcel in store.sending.parcels()}
        study = store.studies.content(key)
    assert study.report_revision == 1
    taken = [(number, image.taken_at and image.taken_at.hour) for number, image in study.numbered_images]
    assert taken == [(1, 10), (2, 11)]


@pytest.fixture
def replaced(hospital: Hospital, plate: synthetic.Plate, nobodys_port: int) -> list[Path]:
    """All objects of two revisions and of the note between them."""
    hospital.sends_to(to(nobodys_port))
    results = hospital.settings.dicom.results.model_copy(update={"supersede": "iocm"})
    dicom = hospital.settings.dicom.model_copy(update={"results": results})
    hospital.settings = hospital.settings.model_copy(update={"dicom": dicom})
    for kl in ((2, 1), (3, 4)):
        hospital.grade(plate, kl=kl)
        Outbox(hospital.settings, hospital.store).work()
    return [Path(parcel.path) for parcel in hospital.store.sending.parcels()]


def test_dciodvfy_finds_no_error_in_what_replaces_and_rejects(peer: Callable[[str], str], replaced: list[Path]) -> None:
    kinds = []
    for path in replaced:
        done = subprocess.run([peer("dciodvfy"), path], capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
        kinds.append(pydicom.dcmread(path).Modality)
    assert kinds == ["SR", "OT", "PR", "DOC", "SR", "OT", "PR", "DOC", "KO"]


def test_a_note_goes_to_those_who_have_what_it_rejects(hospital: Hospital, replaced: list[Path]) -> None:
    (key,) = {parcel.study_key for parcel in hospital.store.sending.parcels()}
    note = pydicom.dcmread(replaced[-1])
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    (rejected,) = note.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert rejected.ReferencedSOPClassUID == EncapsulatedPDFStorage
    hospital.store.sending.send_again([key])  # a person asks for the results again: the current ones are sent
    Outbox(hospital.settings, hospital.store).work()
    again = [Path(parcel.path) for parcel in hospital.store.sending.parcels()]
    assert {path.name for path in again} == {path.name for path in (*replaced[:3], *replaced[4:8])}


def test_what_is_sent_again_names_the_same_predecessor(hospital: Hospital, replaced: list[Path]) -> None:
    before = {path.name: path.read_bytes() for path in replaced}
    (key,) = {parcel.study_key for parcel in hospital.store.sending.parcels()}
    hospital.store.sending.send_again([key])
    Outbox(hospital.settings, hospital.store).work()
    for parcel in hospital.store.sending.parcels():
        path = Path(parcel.path)
        assert path.read_bytes() == before[path.name]


def test_what_a_newer_model_graded_names_what_it_replaces(
    hospital: Hospital, plate: synthetic.Plate, nobodys_port: int
) -> None:
    hospital.sends_to(to(nobodys_port))
    key = hospital.grade(plate)
    Outbox(hospital.settings, hospital.store).work()
    grade_again(hospital, plate, key)
    Outbox(hospital.settings, hospital.store).work()
    objects = [pydicom.dcmread(parcel.path) for parcel in hospital.store.sending.parcels()]
    assert [one.Modality for one in objects] == ["SR", "OT", "PR", "DOC"] * 2
    for old, new in ((objects[0], objects[4]), (objects[3], objects[7])):
        (series,) = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
        assert series.SeriesInstanceUID == old.SeriesInstanceUID
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == old.SOPInstanceUID
        assert "PredecessorDocumentsSequence" not in old


def grade_again(hospital: Hospital, plate: synthetic.Plate, key: str) -> None:
    """By another release."""
    (image,) = hospital.store.studies.content(key).images
    file = hospital.store.files.find(image.file_id)
    assert file is not None
    filed = Path(file.filed_as or "")
    study = Study(STUDY_UID, image.sop_uid, image.series_uid, modality="DX", view="PA")
    outcome = Completed(
        Arrival(filed, file.sha256, file.size, file.name, file.id),
        Radiograph(plate.pixels, "DICOM", study),
        (knee(Side.RIGHT, 3, 40), knee(Side.LEFT, 1, 320)),
        {},
    )
    by = GradedBy("net-v2", "cd" * 32, __version__)
    registrar = Registrar(hospital.store, hospital.settings.folders.reports, hospital.settings.report, by)
    kept = registrar.complete(outcome, filed)
    assert kept.revision is not None
    registrar.write_report(key, kept.revision)
