"""Stores the outcome of a file: its rows in the store, then the report of its study.

The daemon and `process --out` both use it, with different databases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from koa_worker.config import ReportSettings
from koa_worker.knee.grading.explain import overlay
from koa_worker.report import draft, put, sweep
from koa_worker.report.content import ImageEntry, KneeEntry, RejectedEntry, StudyReport
from koa_worker.report.pdf import render
from koa_worker.report.picture import Picture, encode_crop
from koa_worker.store import ImageRecord, KneeRecord, Settled, Store, StudyRecord, encode, report_name
from koa_worker.values import Completed, GradedBy, Study


@dataclass(frozen=True, slots=True)
class Registrar:
    store: Store
    reports: Path
    settings: ReportSettings
    graded_by: GradedBy

    def complete(self, outcome: Completed, filed_as: Path) -> Settled:
        """Stores grades, boxes and images."""
        by, encoded = self.graded_by, encode(outcome)
        return self.store.files.complete(outcome.arrival.id, encoded, by.digest, by.software, str(filed_as))

    def write_due_report(self, study_key: str) -> Path | None:
        """Writes the report of a study if it is out of date."""
        revision = self.store.reports.begin(study_key)
        return self.write_report(study_key, revision) if revision is not None else None

    def write_report(self, study_key: str, revision: int) -> Path:
        """Writes the PDF of a revision that was begun; it replaces the PDF of the revision before."""
        study = self.store.studies.content(study_key).reported
        now = datetime.now(UTC)
        path = self._path(study.key, study.created_at)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        report = report_of(study, revision, now, self.graded_by)
        part, sha256 = draft(path, revision, render(report, self.settings))
        # Two worker processes may write a report of one study at the same time. The store decides which report is
        # newer, and makes the other one wait while it is put in place.
        try:
            self.store.reports.record(study_key, revision, path, sha256, at=now, put=lambda: put(part, path))
        finally:
            sweep(path, revision)  # also when the study was erased meanwhile
        return path

    def path_of(self, study_key: str) -> Path:
        """The path of a study's report, written or not."""
        return self._path(study_key, self.store.studies.created_at(study_key))

    def _path(self, study_key: str, created_at: datetime) -> Path:
        """The report's path, by the day of the study's first file, so that each revision replaces the last one."""
        return self.reports / report_name(study_key, created_at)


def report_of(study: StudyRecord, revision: int, made_at: datetime, graded_by: GradedBy) -> StudyReport:
    """The content of one revision of a study's report."""
    return StudyReport(
        id=study.key,
        revision=revision,
        made_at=made_at,
        patient=study.patient,
        study=_study(study),
        images=tuple(_image(number, image, study) for number, image in study.numbered_images),
        rejected=tuple(
            RejectedEntry(
                reject.file_id, reject.code, reject.detail, reject.refused, () if study.images else reject.unseen
            )
            for reject in study.rejected
        ),
        graded_by=graded_by,
        study_knees=study.knees,
        courses=study.courses,
        exams=study.exams,
    )


def _study(study: StudyRecord) -> Study:
    return Study(
        study_uid=study.study_uid,
        sop_uid="",
        accession=study.accession,
        description=study.description,
        institution=study.institution,
        date=study.date,
    )


def _image(number: int, image: ImageRecord, study: StudyRecord) -> ImageEntry:
    return ImageEntry(
        id=image.file_id,
        number=number,
        format=image.format,
        view=image.view,
        taken=image.taken_at or study.date,
        columns=image.width,
        rows=image.height,
        spacing=image.spacing,
        frame=Picture(image.frame_jpeg),
        knees=tuple(_knee(knee) for knee in image.knees),
        patient_differs=image.patient_differs,
        identity_taken=image.conflicts_with is not None,
        refused=image.refused,
    )


def _knee(knee: KneeRecord) -> KneeEntry:
    crop, warm = encode_crop(knee.crop), encode_crop(overlay(knee.crop, knee.heatmap))
    return KneeEntry(knee.roi, knee.grade, crop, warm, knee.joint_space, knee.position)
