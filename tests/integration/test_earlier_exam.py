"""Two exams of one patient, a year apart: the change is in the report, in the structured report and on the page.

The knees are real where the half plates are at hand, and drawn where they are not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import cv2
import highdicom as hd
import numpy as np
import pydicom
import pypdf
import pytest

from koa_worker import synthetic
from koa_worker.config import Config
from koa_worker.intake import digest
from koa_worker.pipeline import Pipeline
from koa_worker.publish.objects import codes
from koa_worker.publish.objects.study_objects import ResultObjects
from koa_worker.registrar import Registrar
from koa_worker.report import course_words
from koa_worker.store import PublicationTicket, Settled
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Arrival, Completed, Side
from tests.conftest import SHARED
from tests.integration.conftest import Hospital, hospital_in

PATIENT = Person("EXAMPLE^Twice", "T-1", "19500201", "F")
PLATES = SHARED / "plates"
SPACING_MM = 0.15


def plate(severity: float, name: str, *, mirrored: bool) -> synthetic.Plate:
    """A left knee: a real half plate where it is at hand, a drawn one of this severity where it is not."""
    path = PLATES / name
    if not path.exists():
        width = 5.0 - severity
        knee = synthetic.KneeSpec(Side.LEFT, centre=(0.5, 0.5), severity=severity, medial_mm=width, lateral_mm=6.0)
        return synthetic.draw(synthetic.PlateSpec(1400, 1100, SPACING_MM, (knee,), seed=5))
    pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint16) * 257
    shown = np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)
    spec = synthetic.PlateSpec(*shown.shape, spacing_mm=SPACING_MM, knees=(synthetic.KneeSpec(Side.LEFT),))
    return synthetic.Plate(shown, (), SPACING_MM, spec)


class Reader:
    """Grades radiographs into a hospital's store and writes the reports that are due."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital, self.pipeline = hospital, Pipeline.load(Config())
        by = self.pipeline.grader.graded_by
        self.registrar = Registrar(hospital.store, hospital.settings.folders.reports, hospital.settings.report, by)

    def read(self, plate: synthetic.Plate, day: str, *, patient: Person = PATIENT, view: str = "PA") -> Settled:
        path = self.hospital.settings.folders.done / f"{day}-{view}.dcm"
        write_dicom(path, plate, patient=patient, study_uid=f"1.2.{day}", study_date=day, view=view, laterality="L")
        arrival = Arrival(path, digest(path), path.stat().st_size, path.name)
        self.hospital.store.files.add_arrival(arrival, datetime.now(UTC))
        self.hospital.store.files.start(arrival.id, "w")
        outcome = self.pipeline.process(arrival)
        assert isinstance(outcome, Completed), outcome
        kept = self.registrar.complete(outcome, path)
        if kept.study_key is not None and kept.revision is not None:
            self.registrar.write_report(kept.study_key, kept.revision)
        for key in self.hospital.store.reports.due():
            self.registrar.write_due_report(key)
        return kept


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hospital, str]]:
    """Three exams of a patient's left knee, and another view in the last: the hospital, and the last study's key."""
    with hospital_in(tmp_path_factory.mktemp("twice")) as hospital:
        reader = Reader(hospital)
        early, late = plate(1.0, "kl1.jpg", mirrored=True), plate(3.0, "kl3.jpg", mirrored=False)
        reader.read(early, "20240301")
        later = reader.read(late, "20260310")
        assert later.study_key is not None
        before = hospital.store.studies.content(later.study_key).report_revision
        reader.read(replace(early, pixels=early.pixels // 2 + 9000), "20250302")  # sent along by the PACS
        assert hospital.store.studies.content(later.study_key).report_revision == before + 1
        reader.read(early, "20260310", view="AP")
        yield hospital, later.study_key


def test_the_report_says_what_has_changed(twice: tuple[Hospital, str]) -> None:
    hospital, key = twice
    study = hospital.store.studies.content(key)
    (course,) = study.courses
    assert [point.date.year for point in course.points] == [2024, 2025, 2026]
    (path,) = hospital.settings.folders.reports.rglob(f"{key}.pdf")
    first = pypdf.PdfReader(BytesIO(path.read_bytes())).pages[0].extract_text()
    said = " ".join(first.split())
    assert course_words.heading() in said
    assert course_words.grade_change(course).replace("\u00a0", " ") in said
    for sentence in course_words.space_changes(course):
        assert sentence.split(":")[0][1:] in said
    assert "Other images: Image" in said


def objects(hospital: Hospital, key: str, folder: Path) -> list[Path]:
    """The structured reports of a study, as they are sent."""
    written = hospital.store.study_history.written_reports(key)[0]
    ticket = PublicationTicket(key, written.revision, written.path, written.written_at, ())
    settings = hospital.settings.dicom.results
    paths = []
    for made in ResultObjects(settings, hospital.store).of_study(hospital.store.studies.content(key), ticket):
        if made.kind == "structured_report":
            paths.append(folder / f"{made.sop_uid}.dcm")
            made.make().save_as(paths[-1], enforce_file_format=True)
    return paths


def test_the_structured_report_has_both_time_points(
    twice: tuple[Hospital, str], peer: Callable[[str], str], tmp_path: Path
) -> None:
    hospital, key = twice
    study = hospital.store.studies.content(key)
    (course,), (line,) = study.courses, study.knees
    by_image = {str(pydicom.dcmread(path).CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
                    .ReferencedSOPSequence[0].ReferencedSOPInstanceUID): path
                for path in objects(hospital, key, tmp_path)}  # fmt: skip
    assert set(by_image) == {seen.sop_uid for seen in line.every}
    path = by_image[line.stands.sop_uid]
    content = hd.sr.srread(path).content
    (now,) = (one for one in content.get_planar_roi_measurement_groups() if one.get_measurements(codes.GRADE))
    (then,) = content.get_image_measurement_groups(tracking_uid=now.tracking_uid)
    assert (
        then.get_qualitative_evaluations(codes.GRADE)[0].value
        == codes.GRADE_VALUES[course.points[1].knee.stands.grade.kl]
    )
    assert now.get_measurements(codes.GRADE_CHANGE)[0].value == course.grade_change
    for change in course.spaces:
        (found,) = now.get_measurements(codes.WIDTH_CHANGES[change.name])
        assert found.value == pytest.approx(change.by_mm, abs=0.0501)
    dumped = subprocess.run([peer("dsrdump"), path], capture_output=True, text=True, check=True).stdout
    for expected in ('"2025-03-02"', '"2026-03-10"', "Longitudinal Temporal Offset from Event", "Baseline"):
        assert expected in dumped
    for written in by_image.values():
        done = subprocess.run([peer("dciodvfy"), written], capture_output=True, text=True, check=False)
        assert [said for said in done.stderr.splitlines() if said.startswith("Error")] == []
        assert done.returncode == 0
