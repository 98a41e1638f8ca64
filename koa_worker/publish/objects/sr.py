"""The measurements as Comprehensive 3D SR, template TID 1500 (PS3.16), one measurement group for each knee."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from koa_worker.publish.objects import base, codes, sr_course, sr_places, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.result import ImageResult, KneeResult, Replaced, ResultKind, UnseenKnee
from koa_worker.study.earlier import Course
from koa_worker.system.own_objects import MANUFACTURER
from koa_worker.values import GRADES, Compartment, GradedBy, KneeRoi, RefusedKnee, Side

_Group = PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations

_DEVICE = Code("121007", "DCM", "Device")


def build(original: Original, result: ImageResult, replaces: Replaced | None) -> Dataset:
    """The structured report of one image; unverified and preliminary, because no person has checked it.

    It names the report of the same image that it replaces.
    """
    kind = ResultKind.STRUCTURED_REPORT
    sop_uid = uids.of_image_object(kind, original.sop_uid, result)
    evidence = _evidence(original, result)
    document = Comprehensive3DSR(
        evidence=[evidence, *([sr_places.capture_evidence(original, result)] if result.explained else [])],
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
    if original.requests:
        target.ReferencedRequestSequence = [base.request(original, asked) for asked in original.requests]
    target.CodingSchemeIdentificationSequence = [_scheme()]
    return target


def _evidence(original: Original, result: ImageResult) -> Dataset:
    said = base.image_header(original, result)
    # Not the true modality: for a projection image the library requires attributes that CR objects need not have.
    said.Modality = "OT"
    return said


def _content(original: Original, evidence: Dataset, result: ImageResult) -> MeasurementReport:
    return MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(result.graded_by)),
        procedure_reported=codes.RADIOGRAPHY,
        imaging_measurements=[
            *(group for knee in result.knees for group in _groups(original, result, knee)),
            *(_earlier(original, result, knee, knee.course) for knee in result.knees if knee.course),
            *(_refused(original, result, knee) for knee in result.refused),
            *(_unseen(original, result, knee) for knee in result.unseen),
        ],
        title=Code("126000", "DCM", "Imaging Measurement Report"),
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            language=_concept(Code("en", "RFC5646", "English"))
        ),
        referenced_images=[evidence],
    )


def observer(graded_by: GradedBy) -> ObserverContext:
    """TID 1002: the program and the model release that graded the image."""
    device = DeviceObserverIdentifyingAttributes(
        uid=uids.of_program(graded_by),
        name=f"koa-worker {graded_by.software}",
        manufacturer_name=MANUFACTURER,
        model_name=graded_by.model,
    )
    return ObserverContext(observer_type=_concept(_DEVICE), observer_identifying_attributes=device)


def _groups(original: Original, result: ImageResult, knee: KneeResult) -> Iterator[_Group]:
    """One knee: its box with the grade, each joint space (a group with a box may have no points), and its margins."""
    whole = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(original, result, knee.roi),
        referenced_region=sr_places.region(original, result, knee.roi),
        time_point_context=sr_course.now(knee),
        finding_type=codes.KNEE_OSTEOARTHRITIS if knee.grade.kl in codes.SEVERITIES else None,
        method=codes.ARTIFICIAL_INTELLIGENCE,
        algorithm_id=_algorithm(result.graded_by),
        finding_sites=[_site(knee.roi.side)],
        measurements=list(_measurements(knee)),
        qualitative_evaluations=list(_evaluations(knee)),
    )
    if result.explained:
        sr_places.explain(whole[0], original, result)
    yield whole
    for part, width_mm in sr_places.measured(knee):
        yield _space(original, result, knee, part, width_mm)
        yield PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr_places.tracking_of("margins", original, result, knee.roi, part),
            referenced_region=sr_places.between(original, result, part),
            method=codes.ARTIFICIAL_INTELLIGENCE,
            finding_sites=[_site(knee.roi.side, part)],
        )


def _space(
    original: Original, result: ImageResult, knee: KneeResult, part: Compartment, width_mm: float
) -> MeasurementsAndQualitativeEvaluations:
    """TID 1501: the minimum width of one compartment, with the places between which it was measured."""
    assert knee.joint_space is not None  # noqa: S101 - the compartment is one of its
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr_places.tracking_of("width", original, result, knee.roi, part),
        time_point_context=sr_course.now(knee),
        method=codes.ARTIFICIAL_INTELLIGENCE,
        finding_sites=[_site(knee.roi.side, part)],
        measurements=[sr_places.width(original, result, part, width_mm)],
        qualitative_evaluations=[
            QualitativeEvaluation(name=codes.PLANE, value=codes.PLANES[knee.joint_space.calibration])
        ],
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


def _refused(
    original: Original, result: ImageResult, knee: RefusedKnee
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    """The group of a knee without a grade: it gives the reason."""
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(original, result, knee.roi),
        referenced_region=sr_places.region(original, result, knee.roi),
        method=codes.ARTIFICIAL_INTELLIGENCE,
        algorithm_id=_algorithm(result.graded_by),
        finding_sites=[_site(knee.roi.side)],
        qualitative_evaluations=_reason(knee.code),
    )


def _unseen(original: Original, result: ImageResult, knee: UnseenKnee) -> _Group:
    """A knee that the header names but that was not found. Its region is the whole image: OHIF fails without a region.

    If a file is so damaged that its size is unknown, there is no region.
    """
    uid = uids.derive("knee", original.sop_uid, result.image, knee.side)
    said: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(uid=hd.UID(uid), identifier=f"{knee.side} knee"),
        "method": codes.ARTIFICIAL_INTELLIGENCE,
        "algorithm_id": _algorithm(result.graded_by),
        "finding_sites": [_site(knee.side)],
        "qualitative_evaluations": _reason(knee.code),
    }
    if not (result.rows and result.columns):
        return MeasurementsAndQualitativeEvaluations(**said)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=sr_places.everything(original, result), **said
    )


def _reason(code: str) -> list[QualitativeEvaluation]:
    return [
        QualitativeEvaluation(name=codes.GRADE, value=codes.NOT_GRADED),
        QualitativeEvaluation(name=codes.REFUSAL, value=codes.REFUSALS.get(code, codes.UNUSABLE)),
    ]


def _tracking(original: Original, result: ImageResult, roi: KneeRoi) -> TrackingIdentifier:
    """The tracking identifier of a knee. The same box in the same image gets the same one with any model."""
    return TrackingIdentifier(
        uid=hd.UID(uids.derive("knee", original.sop_uid, result.image, *roi.box.as_list())),
        identifier=f"{roi.side} knee",
    )


def _site(side: Side, part: Compartment | None = None) -> FindingSite:
    half = codes.HALVES.get(part.name) if part else None
    return FindingSite(codes.KNEE_JOINT, laterality=codes.SIDES.get(side), topographical_modifier=half)


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
    """The grade first, also as a number: viewers show the numbers of a group beside its box, but not its codes."""
    grade = knee.grade
    yield Measurement(codes.GRADE, grade.kl, codes.GRADE_UNITS[grade.kl])
    for kl in GRADES:
        yield _share(codes.PROBABILITIES[kl], grade.probabilities[kl])
    yield _share(codes.OA_PROBABILITY, grade.oa_probability)
    if grade.agreement is not None:
        yield _share(codes.AGREEMENT, grade.agreement)
    yield from sr_course.changes(knee)


def _evaluations(knee: KneeResult) -> Iterator[QualitativeEvaluation]:
    yield QualitativeEvaluation(name=codes.GRADE, value=codes.GRADE_VALUES[knee.grade.kl])
    if knee.grade.kl in codes.SEVERITIES:
        yield QualitativeEvaluation(name=codes.SEVERITY, value=codes.SEVERITIES[knee.grade.kl])
    yield QualitativeEvaluation(name=codes.REVIEW, value=codes.YES if knee.needs_review else codes.NO)
    yield from sr_course.evaluations(knee)


def _share(name: Code, value: float) -> Measurement:
    return Measurement(name, round(100 * value, sr_places.PLACES_PERCENT), codes.PERCENT)


def _scheme() -> Dataset:
    """PS3.3 C.12.1.1.2: the name of our own coding scheme."""
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = codes.SCHEME, codes.SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def _concept(code: Code) -> CodedConcept:
    return CodedConcept.from_code(code)
