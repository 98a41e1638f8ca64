"""Reports of many kinds, for tests and for viewing."""

from __future__ import annotations

import dataclasses
from datetime import date
from functools import cache

from koa_worker.report.content import ImageEntry, KneeEntry, RejectedEntry, StudyReport
from koa_worker.study.earlier import Course, NotCompared, PatientExams, Point, SpaceChange
from koa_worker.study.knees import StudyKnee
from koa_worker.values import (
    Box,
    Compartment,
    CompartmentName,
    Grade,
    JointSpace,
    KneeRoi,
    Patient,
    RefusedKnee,
    ReviewCode,
    ReviewReason,
    Side,
    SpacingSource,
)
from tests.unit.report.drawn import PROBABILITIES, REASONS, STUDY, draw_image, grade_of, report_of

MANY_REASONS = (
    ReviewReason(ReviewCode.POSSIBLE_METAL, 1.2),
    ReviewReason(ReviewCode.NOT_CHECKED),
    ReviewReason(ReviewCode.CUT_OFF, 0.07, 0.05),
    ReviewReason(ReviewCode.TURNED, 90),
    ReviewReason(ReviewCode.LOW_AGREEMENT, 4, 10),
    ReviewReason(ReviewCode.IMAGES_DISAGREE, 1, 3),
)
IMPLANT = RefusedKnee(KneeRoi(Box(420, 150, 250, 250), Side.LEFT), "implant")
CUT_OFF = RefusedKnee(KneeRoi(Box(0, 0, 9, 9), Side.RIGHT), "cut_off")
REJECTED = (
    RejectedEntry("ab12cd34ef", "implant", refused=(CUT_OFF, IMPLANT)),
    RejectedEntry("ee12cd34ef", "no_knee"),
    RejectedEntry("ff12cd34ef", "unsupported_modality", "CT"),
)
NAMES = {
    "long": "Freifrau von und zu Wolkenstein-Trostburg-Hohenlohe-Langenburg Maximiliane Alexandra Theodora Elisabeth",
    "japanese": "山田 太郎 (Yamada Tarou)",
    "arabic": "محمد سالم عبد الله الأزهري",
    "hebrew": "כהן דוד",
}


def _compartment(name: CompartmentName, box: Box, start: float, mm: float | None, *, clear: bool = True) -> Compartment:
    at = [box.x + box.width * (start + 0.02 * step) for step in range(12)]
    middle = box.y + box.height / 2
    margins = [tuple((x, middle + by) for x in at) for by in (-10, 12)]
    ratio = 0.032 if clear else None
    return Compartment(name, clear, ratio, ratio, mm if clear else None, mm if clear else None, *margins)


def _measured(knee: KneeEntry, plane: SpacingSource, *, clear: bool) -> KneeEntry:
    known = knee.roi.side is not Side.UNKNOWN
    names = (
        (CompartmentName.MEDIAL, CompartmentName.LATERAL)
        if known
        else (CompartmentName.PICTURE_LEFT, CompartmentName.PICTURE_RIGHT)
    )
    mm = (2.1, 4.7) if plane is not SpacingSource.NONE else (None, None)
    halves = (
        _compartment(names[0], knee.roi.box, 0.15, mm[0]),
        _compartment(names[1], knee.roi.box, 0.6, mm[1], clear=clear),
    )
    return dataclasses.replace(knee, joint_space=JointSpace(halves, plane, 900.0))


def measured(image: ImageEntry, plane: SpacingSource = SpacingSource.DETECTOR, *, clear: bool = True) -> ImageEntry:
    return dataclasses.replace(image, knees=tuple(_measured(knee, plane, clear=clear) for knee in image.knees))


def both(number: int = 1, right: Grade | None = None, left: Grade | None = None, **drawn: object) -> ImageEntry:
    grades = {Side.RIGHT: right or grade_of(2), Side.LEFT: left or grade_of(1, *REASONS)}
    return draw_image(f"{number:08x}", grades, **{"size": (700, 560), **drawn})


def _single(number: int, side: Side, kl: int) -> ImageEntry:
    return measured(draw_image(f"{number:08x}", {side: grade_of(kl)}, size=(700, 850)))


def _course(report: StudyReport, side: Side, exams: int, *, compared: bool) -> Course:
    now = next(knee.stands for knee in report.study_knees if knee.side is side)
    then = dataclasses.replace(now, grade=grade_of(1))
    points = [Point(date(2022 + year, 3, 1), StudyKnee(then), str(year)) for year in range(exams - 1)]
    points.append(Point(date(2026, 11, 20), StudyKnee(now), ""))
    if not compared:
        return Course(tuple(points), (), NotCompared.SPACING)
    widths = ((CompartmentName.MEDIAL, 3.2, 2.1), (CompartmentName.LATERAL, 4.6, 4.7))
    return Course(tuple(points), tuple(SpaceChange(*width) for width in widths), None)


def _on_site_scale() -> StudyReport:
    site = "5e" * 32
    grades = (
        dataclasses.replace(grade_of(kl), site=site, release_probabilities=PROBABILITIES[kl + 1]) for kl in (2, 1)
    )
    report = report_of(measured(both(1, *grades)))
    return dataclasses.replace(report, graded_by=dataclasses.replace(report.graded_by, site=site))


@cache
def every_layout() -> dict[str, StudyReport]:
    bilateral = report_of(measured(both()))
    found = {
        "bilateral": bilateral,
        "flagged": report_of(measured(both(1, grade_of(2, *MANY_REASONS)), clear=False)),
        "one knee": report_of(_single(1, Side.RIGHT, 3)),
        "two knees": report_of(_single(1, Side.RIGHT, 3), _single(2, Side.LEFT, 0)),
        "three images": report_of(*(_single(at, (Side.RIGHT, Side.LEFT)[at % 2], at + 1) for at in range(3))),
        "four images": report_of(*(measured(both(at, grade_of(at))) for at in range(4))),
        "eight images": report_of(*(both(at, grade_of(at % 5)) for at in range(8))),
        "refused": report_of(dataclasses.replace(_single(1, Side.RIGHT, 3), refused=(IMPLANT,))),
        "rejected only": report_of(rejected=REJECTED),
        "rejected beside": report_of(measured(both()), rejected=REJECTED),
        "site scale": _on_site_scale(),
        "no spacing": report_of(measured(both(spacing=None), SpacingSource.NONE)),
        "calibrated": report_of(measured(both(), SpacingSource.CALIBRATED)),
        "side unknown": report_of(measured(draw_image("1" * 8, [(Side.UNKNOWN, grade_of(4))], size=(500, 500)))),
        "earlier exams": dataclasses.replace(
            bilateral,
            courses=(
                _course(bilateral, Side.RIGHT, 4, compared=True),
                _course(bilateral, Side.LEFT, 2, compared=False),
            ),
            exams=PatientExams(newest=date(2026, 12, 1), not_taken=True),
        ),
        "contradicting": report_of(dataclasses.replace(measured(both()), patient_differs=True, identity_taken=True)),
    }
    wordy = dataclasses.replace(
        STUDY,
        description="Kniegelenke beidseits a.p. im Stehen unter Belastung",
        institution="Universitätsklinikum Musterstadt, Klinik für Radiologie",
    )
    for kind, name in NAMES.items():
        patient = Patient(name, "KOA-004711-A-LONG-IDENTIFIER-1234567890", date(1951, 3, 12), "F")
        found[f"{kind} name"] = dataclasses.replace(bilateral, patient=patient, study=wordy)
    return found
