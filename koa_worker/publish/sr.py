"""The measurements as Comprehensive 3D SR, template TID 1500 (PS3.16), one measurement group for each knee."""

from __future__ import annotations

from collections.abc import Iterator

import highdicom as hd
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from koa_worker.publish import base, codes, sr_course, uids
from koa_worker.publish.original import Original
from koa_worker.publish.result import ImageResult, KneeResult, Replaced, ResultKind
from koa_worker.study.earlier import Course
from koa_worker.system.own_objects import MANUFACTURER
from koa_worker.values import GRADES, CompartmentName, GradedBy, KneeRoi, RefusedKnee, Side

_DEVICE = Code("121007", "DCM", "Device")


def build(original: Original, result: ImageResult, replaces: Replaced | None) -> Dataset:
    """The structured report of one image; unverified and preliminary, because no person has checked it.

    It names the report of the same image that it replaces.
    """
    kind = ResultKind.STRUCTURED_REPORT
    sop_uid = uids.of_image_object(kind, original.sop_uid, result)
    evidence = _evidence(original, result)
    document = Comprehensive3DSR(
        evidence=[evidence],
        content=_content(original, evidence, result)[0],
        series_instance_uid=uids.of_series(kind, original.study_uid, result.graded_by.digest),
        series_number=base.series_number(kind),
        sop_instance_uid=sop_uid,
        instance_number=result.number,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        specific_character_set=None,
    )
    target = base.new_object(kind, Comprehensive3DSRStorage, sop_uid, original)
    for element in document:
        if element.tag not in target:
            target.add(element)
    base.finish(target, kind, original, result.graded_by, number=result.number, made_at=result.made_at)
    base.name_predecessor(target, replaces)
    target.CodingSchemeIdentificationSequence = [_scheme()]
    return target


def _evidence(original: Original, result: ImageResult) -> Dataset:
    """A header for the library, without patient data, which our code copies unchanged from the original later."""
    said = Dataset()
    said.SOPClassUID, said.SOPInstanceUID = original.sop_class_uid, original.sop_uid
    said.StudyInstanceUID, said.SeriesInstanceUID = original.study_uid, original.series_uid
    for keyword in ("PatientID", "PatientName", "PatientSex", "AccessionNumber", "StudyID", "ReferringPhysicianName"):
        setattr(said, keyword, "")
    # Not the true modality: for a projection image the library requires attributes that CR objects need not have.
    said.Modality = "OT"
    said.Rows, said.Columns = result.rows, result.columns
    said.PatientBirthDate = said.StudyDate = said.StudyTime = None
    return said


def _content(original: Original, evidence: Dataset, result: ImageResult) -> MeasurementReport:
    return MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(result.graded_by)),
        procedure_reported=codes.RADIOGRAPHY,
        imaging_measurements=[
            *(_group(original, result, knee) for knee in result.knees),
            *(_earlier(original, result, knee, knee.course) for knee in result.knees if knee.course),
            *(_refused(original, result, knee) for knee in result.refused),
        ],
        title=Code("126000", "DCM", "Imaging Measurement Report"),
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            language=_concept(Code("en", "RFC5646", "English"))
        ),
        referenced_images=[evidence],
    )


def observer(graded_by: GradedBy) -> ObserverContext:
    """TID 1002: the program and the model release that looked at the image."""
    device = DeviceObserverIdentifyingAttributes(
        uid=uids.derive("device", graded_by.software, graded_by.digest),
        name=f"koa-worker {graded_by.software}",
        manufacturer_name=MANUFACTURER,
        model_name=graded_by.model,
    )
    return ObserverContext(observer_type=_concept(_DEVICE), observer_identifying_attributes=device)


def _group(original: Original, result: ImageResult, knee: KneeResult) -> MeasurementsAndQualitativeEvaluations:
    """TID 1501: the results of one knee, with a reference to its image."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(original, result, knee.roi),
        time_point_context=sr_course.now(knee),
        method=codes.ARTIFICIAL_INTELLIGENCE,
        algorithm_id=_algorithm(result.graded_by),
        finding_sites=[_site(knee.roi.side)],
        measurements=list(_measurements(knee)),
        qualitative_evaluations=list(_evaluations(knee)),
        source_images=[SourceImageForMeasurementGroup(original.sop_class_uid, original.sop_uid)],
    )


def _earlier(
    original: Original, result: ImageResult, knee: KneeResult, course: Course
) -> MeasurementsAndQualitativeEvaluations:
    """The same knee at the earlier exam: the same tracking identifier at an earlier time point."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(original, result, knee.roi),
        time_point_context=sr_course.time_point(course, len(course.points) - 2),
        method=codes.ARTIFICIAL_INTELLIGENCE,
        finding_sites=[_site(knee.roi.side)],
        measurements=sr_course.earlier_measurements(course),
        qualitative_evaluations=sr_course.earlier_evaluations(course),
    )


def _refused(original: Original, result: ImageResult, knee: RefusedKnee) -> MeasurementsAndQualitativeEvaluations:
    """The same for a knee without a grade: it says that there is none, and why."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(original, result, knee.roi),
        method=codes.ARTIFICIAL_INTELLIGENCE,
        algorithm_id=_algorithm(result.graded_by),
        finding_sites=[_site(knee.roi.side)],
        qualitative_evaluations=[
            QualitativeEvaluation(name=codes.GRADE, value=codes.NOT_GRADED),
            QualitativeEvaluation(name=codes.REFUSAL, value=codes.REFUSALS[knee.code]),
        ],
        source_images=[SourceImageForMeasurementGroup(original.sop_class_uid, original.sop_uid)],
    )


def _tracking(original: Original, result: ImageResult, roi: KneeRoi) -> TrackingIdentifier:
    """The tracking identifier of a knee. The same box in the same image gets the same one with any model."""
    box = roi.box.as_list()
    return TrackingIdentifier(
        uid=hd.UID(uids.derive("knee", original.sop_uid, result.image, *box)),
        identifier=f"{roi.side} knee, box {' '.join(map(str, box))}",
    )


def _site(side: Side) -> FindingSite:
    return FindingSite(anatomic_location=codes.KNEE_JOINT, laterality=codes.SIDES.get(side))


def _algorithm(graded_by: GradedBy) -> AlgorithmIdentification:
    return AlgorithmIdentification(
        name=graded_by.model,
        version=f"koa-worker {graded_by.software}",
        parameters=[
            f"manifest SHA-256 {graded_by.digest}",
            *([f"site scale SHA-256 {graded_by.site}"] if graded_by.site else []),
            "Research use only. Not for diagnostic use.",
        ],
        family=codes.ARTIFICIAL_INTELLIGENCE,
        manufacturer=MANUFACTURER,
    )


def _measurements(knee: KneeResult) -> Iterator[Measurement]:
    grade = knee.grade
    for kl in GRADES:
        yield _share(codes.PROBABILITIES[kl], grade.probabilities[kl])
    yield _share(codes.OA_PROBABILITY, grade.oa_probability)
    yield _share(codes.AGREEMENT, grade.agreement)
    for name, width_mm in _widths(knee).items():
        yield Measurement(codes.WIDTHS[name], width_mm, codes.MILLIMETRE)
    yield from sr_course.changes(knee)


def _widths(knee: KneeResult) -> dict[CompartmentName, float]:
    """The minimum widths of the clear compartments with an anatomical name, if the file gives the pixel size."""
    space = knee.joint_space
    found = {name: space.width(name, "min_mm") if space else None for name in codes.WIDTHS}
    return {name: width for name, width in found.items() if width is not None}


def _evaluations(knee: KneeResult) -> Iterator[QualitativeEvaluation]:
    yield QualitativeEvaluation(name=codes.GRADE, value=codes.GRADE_VALUES[knee.grade.kl])
    yield QualitativeEvaluation(name=codes.REVIEW, value=codes.YES if knee.needs_review else codes.NO)
    yield from sr_course.evaluations(knee)
    if knee.joint_space is not None and _widths(knee):
        yield QualitativeEvaluation(name=codes.PLANE, value=codes.PLANES[knee.joint_space.calibration])


def _share(name: Code, value: float) -> Measurement:
    return Measurement(name, value, codes.NO_UNIT)


def _scheme() -> Dataset:
    """PS3.3 C.12.1.1.2: the name of our own coding scheme."""
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = codes.SCHEME, codes.SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def _concept(code: Code) -> CodedConcept:
    return CodedConcept.from_code(code)
