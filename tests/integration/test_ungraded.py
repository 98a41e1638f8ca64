"""A study of a knee that could not be graded is reported to the PACS; other body parts are not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import pydicom
import pytest
from pydicom.uid import generate_uid

from koa_worker import synthetic
from koa_worker.config import Config, DestinationSettings
from koa_worker.intake import claim, scan
from koa_worker.pipeline import Pipeline
from koa_worker.publish.objects import codes
from koa_worker.publish.outbox import Outbox
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import WriteReport
from tests.integration.conftest import PATIENT, STUDY_UID, Hospital

KNEE = {"BodyPartExamined": "KNEE", "ImageLaterality": "B", "ViewPosition": "LATERAL"}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def archive(hospital: Hospital, tmp_path: Path) -> Path:
    """A folder that is the hospital's destination."""
    folder = tmp_path / "archive"
    folder.mkdir()
    hospital.sends_to(DestinationSettings(name="archive", protocol="folder", folder=str(folder)))
    return folder


@pytest.fixture
def send(hospital: Hospital, archive: Path, pipeline: Pipeline, plate: synthetic.Plate) -> Callable[..., list[Path]]:
    """Works off one image with these attributes, and gives the new objects in the archive."""

    def send(plate: synthetic.Plate = plate, **said: Any) -> list[Path]:
        before = set(archive.iterdir())
        path = hospital.settings.folders.inbox / f"{len(list(hospital.folder.rglob('*.dcm')))}.dcm"
        write_dicom(path, plate, patient=PATIENT, study_uid=STUDY_UID)
        dataset = pydicom.dcmread(path)
        for keyword, value in said.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
        steps = FileSteps(hospital.settings, hospital.store, pipeline)
        for waiting in scan(hospital.settings.folders.inbox).oldest:
            taken = claim(waiting, hospital.settings.folders.work)
            assert taken is not None
            steps.work(taken)
        for key in hospital.store.reports.due():  # what the daemon does when a study is at rest
            steps.work(WriteReport(key))
        Outbox(hospital.settings, hospital.store).work()
        return sorted(set(archive.iterdir()) - before)

    return send


def by_modality(paths: list[Path]) -> dict[str, Path]:
    return {str(pydicom.dcmread(path).Modality): path for path in paths}


def test_a_knee_that_the_header_names_and_nobody_graded(
    peer: Callable[[str], str], send: Callable[..., list[Path]], tmp_path: Path
) -> None:
    sent = by_modality(send(**KNEE))
    assert sorted(sent) == ["DOC", "SR"]
    report = hd.sr.srread(sent["SR"])
    groups = report.content.get_planar_roi_measurement_groups()
    said = []
    for group in groups:
        (site,) = group.finding_sites
        (grade,) = group.get_qualitative_evaluations(codes.GRADE)
        (why,) = group.get_qualitative_evaluations(codes.REFUSAL)
        said.append((site.laterality.value, grade.value, why.value))
    reason = codes.REFUSALS["other_view"]
    assert said == [(codes.SIDES[side].value, codes.NOT_GRADED, reason) for side in (Side.RIGHT, Side.LEFT)]
    assert report.StudyInstanceUID == STUDY_UID
    assert str(report.PatientName) == PATIENT.name
    (tmp_path / "report.pdf").write_bytes(pydicom.dcmread(sent["DOC"]).EncapsulatedDocument)
    text = subprocess.run([peer("pdftotext"), tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True)
    assert "No knee was graded." in text.stdout
    assert text.stdout.count("This is not a frontal view of the knee") == 2
    for path in sent.values():
        done = subprocess.run([peer("dciodvfy"), path], capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_a_knee_with_an_implant_has_its_box_and_its_reason(send: Callable[..., list[Path]]) -> None:
    plate = synthetic.draw(synthetic.PlateSpec(900, 700, 0.3, (synthetic.KneeSpec(Side.LEFT),), seed=5))
    sent = by_modality(send(synthetic.with_implant(plate, plate.truths[0]), BodyPartExamined=""))
    (group,) = hd.sr.srread(sent["SR"]).content.get_planar_roi_measurement_groups()
    (why,) = group.get_qualitative_evaluations(codes.REFUSAL)
    assert why.value == codes.REFUSALS["implant"]
    assert group.roi.value.shape == (5, 2)


def test_hip_and_chest_send_nothing(send: Callable[..., list[Path]]) -> None:
    assert send(BodyPartExamined="HIP", ImageLaterality="R", SOPInstanceUID=generate_uid()) == []
    assert send(BodyPartExamined="CHEST", ImageLaterality="", SOPInstanceUID=generate_uid()) == []


def test_once_the_image_has_a_grade_its_report_names_the_one_without(send: Callable[..., list[Path]]) -> None:
    plate = synthetic.draw(synthetic.PlateSpec(900, 700, 0.3, (synthetic.KneeSpec(Side.LEFT),), seed=5))
    first = by_modality(send(plate, ViewPosition="LATERAL"))
    then = by_modality(send(plate, ViewPosition="PA"))  # the same image, its header corrected
    assert sorted(then) == ["DOC", "OT", "PR", "SR"]
    for modality in ("SR", "DOC"):
        (study,) = pydicom.dcmread(then[modality]).PredecessorDocumentsSequence
        before = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        assert before == pydicom.dcmread(first[modality]).SOPInstanceUID
