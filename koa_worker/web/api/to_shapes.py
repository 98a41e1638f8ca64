"""Turns the store's values into the shapes of the JSON API; patient data only for roles that may see it."""

from __future__ import annotations

from typing import Any

from flask import url_for

from koa_worker import RESEARCH_NOTICE, knee_fields, values
from koa_worker.errors import CATALOGUE
from koa_worker.store import FileRecord, ImageRecord, KneeRecord, RejectedRecord, State, StudyRecord, UploadRecord
from koa_worker.store.page.worklist_values import WorklistRow
from koa_worker.store.records.users import ReadingRecord
from koa_worker.study import knees
from koa_worker.study.earlier import REPEATABLE_MM, Course
from koa_worker.web.api.shapes import (
    EarlierKnee,
    Explained,
    Image,
    Knee,
    KneePlace,
    Patient,
    Reading,
    RefusedKnee,
    RejectedFile,
    Result,
    SpaceChange,
    Study,
    StudyKnee,
    Upload,
)
from koa_worker.web.guard.access import may_see_patients
from koa_worker.web.receive_upload import is_in_inbox


def to_upload(upload: UploadRecord) -> Upload:
    file = upload.file
    study = file.study_key if file else None
    return Upload(
        id=upload.id,
        state=_state(upload),
        is_duplicate=upload.is_duplicate,
        sha256=upload.sha256,
        size=upload.size,
        name=upload.name if may_see_patients() else None,
        at=upload.at,
        error=explained(file.code, file.detail) if file and _has_fault(file) else None,
        file_id=file.id if file else None,
        study=study,
        url=url_for("api.show_upload", upload_id=upload.id),
        study_url=url_for("study.show", key=study) if study else None,
    )


def explained(code: str | None, detail: str | None) -> Explained:
    entry = CATALOGUE[code or "internal"]
    return Explained(code=code or "internal", sentence=entry.sentence_with(detail), remedy=entry.remedy)


def _state(upload: UploadRecord) -> str:
    if upload.file is None:
        return "waiting" if is_in_inbox(upload) else "working"
    own = upload.file.state is State.DUPLICATE and _has_fault(upload.file)
    return (State.REJECTED if own else upload.file.state).value


def _has_fault(file: FileRecord) -> bool:
    """Whether to explain an error. An own result counts as a duplicate, and its sender is told the reason."""
    return file.state in {State.REJECTED, State.FAILED} or (file.state is State.DUPLICATE and file.code is not None)


def to_result(row: WorklistRow) -> Result:
    sees = may_see_patients()
    return Result(
        file_id=row.file_id,
        study=row.study_key,
        state=row.state.value,
        code=row.code,
        arrived_at=row.arrived_at,
        settled_at=row.settled_at,
        patient_name=row.patient_name if sees else None,
        patient_id=row.patient_id if sees else None,
        view=row.view,
        side=row.side.value,
        kl=row.kl,
        confidence=row.confidence,
        oa_probability=row.oa_probability,
        **knee_fields.review_fields(row.review_reasons),
        images=row.images,
        lowest_kl=row.lowest_kl,
        highest_kl=row.highest_kl,
        study_url=url_for("api.show_study", key=row.study_key) if row.study_key else None,
    )


def to_study(study: StudyRecord, readings: tuple[ReadingRecord, ...]) -> Study:
    return Study(
        key=study.key,
        study_uid=study.study_uid if may_see_patients() else None,
        created_at=study.created_at,
        patient=_patient(study) if may_see_patients() else None,
        knees=_study_knees(study),
        newest_exam=study.exams.newest if may_see_patients() else None,
        exam_not_taken=study.exams.not_taken and may_see_patients(),
        images=[_image(study.key, image) for image in study.images],
        rejected=[_rejected(file) for file in study.rejected],
        readings=[_reading(reading) for reading in readings],
        report_revision=study.report_revision,
        report_url=url_for("api.report", key=study.key),
        dicom_url=url_for("api.dicom", key=study.key),
        notice=RESEARCH_NOTICE,
    )


def _study_knees(study: StudyRecord) -> list[StudyKnee]:
    known = {course.now.stands.place: course for course in study.courses} if may_see_patients() else {}
    return [_study_knee(line, known.get(line.stands.place)) for line in study.knees]


def _study_knee(line: knees.StudyKnee, course: Course | None) -> StudyKnee:
    return StudyKnee(
        side=line.side.value,
        stands=_place(line.stands),
        others=[_place(seen) for seen in line.others],
        **knee_fields.review_fields(line.review_reasons),
        earlier=_earlier(course) if course else None,
    )


def _place(seen: knees.SeenKnee) -> KneePlace:
    return KneePlace(file_id=seen.image, position=seen.position, kl=seen.grade.kl)


def _earlier(course: Course) -> EarlierKnee:
    return EarlierKnee(
        study=course.then.study_key,
        date=course.then.date,
        days=course.days,
        kl=course.then.knee.stands.grade.kl,
        kl_change=course.grade_change,
        same_model=course.same_model,
        joint_space=[
            SpaceChange(
                compartment=change.name.value,
                then_mm=change.then_mm,
                now_mm=change.now_mm,
                is_change=change.is_change,
            )
            for change in course.spaces
        ],
        not_compared=course.not_compared.value if course.not_compared else None,
        repeatable_mm=REPEATABLE_MM,
    )


def _patient(study: StudyRecord) -> Patient:
    return Patient(
        name=study.patient.name,
        id=study.patient.id,
        birth_date=study.patient.birth_date,
        sex=study.patient.sex,
        accession=study.accession,
        description=study.description,
        institution=study.institution,
        study_date=study.date.isoformat() if study.date else None,
    )


def _image(key: str, image: ImageRecord) -> Image:
    spacing = image.spacing
    return Image(
        file_id=image.file_id,
        number=image.number,
        format=image.format,
        view=image.view,
        laterality=image.laterality.value,
        width=image.width,
        height=image.height,
        row_mm=spacing.row_mm if spacing else None,
        column_mm=spacing.column_mm if spacing else None,
        spacing_source=spacing.source.value if spacing else "none",
        arrived_at=image.arrived_at,
        frame_url=url_for("api.frame", key=key, file_id=image.file_id),
        knees=[_knee(key, image.file_id, knee) for knee in image.knees],
        refused=[_refused(knee) for knee in image.refused],
    )


def _knee(key: str, file_id: str, knee: KneeRecord) -> Knee:
    known = knee_fields.describe(knee.position, knee.roi, knee.grade, knee.joint_space)
    place: dict[str, Any] = {"key": key, "file_id": file_id, "position": knee.position}
    return Knee(
        **dict(known),
        model=knee.grade.model,
        graded_at=knee.graded_at,
        crop_url=url_for("api.crop", **place),
        heatmap_url=url_for("api.heatmap", **place),
    )


def _refused(knee: values.RefusedKnee) -> RefusedKnee:
    error = explained(knee.code, knee.detail)
    return RefusedKnee(side=knee.roi.side.value, box=knee_fields.box_of(knee.roi), error=error)


def _rejected(file: RejectedRecord) -> RejectedFile:
    return RejectedFile(
        file_id=file.file_id,
        arrived_at=file.arrived_at,
        error=explained(file.code, file.detail),
        refused=[_refused(knee) for knee in file.refused],
    )


def _reading(reading: ReadingRecord) -> Reading:
    return Reading(
        file_id=reading.file_id,
        position=reading.position,
        side=reading.side.value,
        reader=reading.reader,
        kl=reading.kl,
        machine_kl=reading.machine_kl,
        blind=reading.blind,
        comment=reading.comment if may_see_patients() else None,
        at=reading.at,
    )
