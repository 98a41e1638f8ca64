"""A knee at earlier exams of the same patient, and which differences may be called a change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from koa_worker.study.knees import SeenKnee, StudyKnee
from koa_worker.values import CompartmentName, Side, SpacingSource

# The least difference of two measured widths that is more than the measurement's own scatter: 1.96 × √2 × the standard
# deviation of repeated measurements of one knee, from `python -m bench.joint_space` (docs/earlier-exams.md).
REPEATABLE_MM = 0.5
# The limit within which 95 % of repeated measurements of one width differ from their mean, from the same measurements,
# in millimetres and, for a tibial width of 75 mm, as a share of it.
SCATTER_MM = REPEATABLE_MM / math.sqrt(2)
SCATTER_RATIO = SCATTER_MM / 75.0

COMPARED = (CompartmentName.MEDIAL, CompartmentName.LATERAL)


class NotCompared(StrEnum):
    """Why the joint spaces of two exams are not compared."""

    NOT_MEASURED = "not_measured"  # no compartment has millimetres at both exams
    VIEW = "view"  # no two images have the same known view, both weight-bearing or both not
    SPACING = "spacing"  # a pixel size is missing, or one is calibrated and the other the detector's


@dataclass(frozen=True, slots=True)
class Exam:
    """An earlier exam of the patient."""

    study_key: str
    date: date
    knees: tuple[StudyKnee, ...]

    def find(self, side: Side) -> StudyKnee | None:
        return next((knee for knee in self.knees if knee.side is side and not knee.stands.foreign), None)


@dataclass(frozen=True, slots=True)
class PatientExams:
    """The patient's other exams in the store."""

    earlier: tuple[Exam, ...] = ()  # newest first
    not_taken: bool = False  # another exam has the patient's id, but birth date or sex do not confirm it
    newest: date | None = None  # the day of the patient's newest exam, if this one is an earlier exam itself


NO_EXAMS = PatientExams()


@dataclass(frozen=True, slots=True)
class SpaceChange:
    """The minimum width of one compartment, then and now, in the same plane."""

    name: CompartmentName
    then_mm: float
    now_mm: float

    @property
    def by_mm(self) -> float:
        return self.now_mm - self.then_mm

    @property
    def is_change(self) -> bool:
        return abs(self.by_mm) > REPEATABLE_MM


@dataclass(frozen=True, slots=True)
class Point:
    """The knee at one exam."""

    date: date
    knee: StudyKnee
    study_key: str


@dataclass(frozen=True, slots=True)
class Course:
    """One knee over the patient's exams."""

    points: tuple[Point, ...]  # oldest first; the last one is this exam, the one before it the earlier exam
    spaces: tuple[SpaceChange, ...]  # only of compartments that may be compared
    not_compared: NotCompared | None  # if there are no changes
    compared: SeenKnee | None = None  # the earlier exam's image whose joint space was compared

    @property
    def now(self) -> StudyKnee:
        return self.points[-1].knee

    @property
    def then(self) -> Point:
        return self.points[-2]

    @property
    def days(self) -> int:
        return (self.points[-1].date - self.then.date).days

    @property
    def grade_change(self) -> int:
        return self.now.stands.grade.kl - self.then.knee.stands.grade.kl

    @property
    def same_model(self) -> bool:
        """Whether one model release gave both grades; otherwise a change may be the model's."""
        return self.now.stands.grade.model == self.then.knee.stands.grade.model


def courses(knees: tuple[StudyKnee, ...], on: date | None, exams: PatientExams) -> tuple[Course, ...]:
    """The course of each knee of a study that has an earlier exam; a knee of unknown side has none."""
    return tuple(_courses(knees, on, exams)) if on is not None else ()


def _courses(knees: tuple[StudyKnee, ...], on: date, exams: PatientExams) -> Iterator[Course]:
    for knee in knees:
        if knee.side is Side.UNKNOWN or knee.stands.foreign:
            continue
        found = [(exam, exam.find(knee.side)) for exam in reversed(exams.earlier)]
        then = [Point(exam.date, shown, exam.study_key) for exam, shown in found if shown is not None]
        if then:
            yield _compare((*then, Point(on, knee, "")))


def _compare(points: tuple[Point, ...]) -> Course:
    """Compares the widths of the image whose grade stands with the best comparable image of the earlier exam."""
    now, then = points[-1].knee.stands, points[-2].knee
    same_view = [seen for seen in then.every if _same_view(seen, now)]
    if not same_view:
        return Course(points, (), NotCompared.VIEW)
    same_plane = [seen for seen in same_view if _same_plane(seen, now)]
    if not same_plane:
        measured = now.joint_space is not None and any(seen.joint_space is not None for seen in same_view)
        return Course(points, (), NotCompared.SPACING if measured else NotCompared.NOT_MEASURED)
    for seen in same_plane:
        if spaces := tuple(_changes(seen, now)):
            return Course(points, spaces, None, seen)
    return Course(points, (), NotCompared.NOT_MEASURED)


def _same_view(one: SeenKnee, other: SeenKnee) -> bool:
    return bool(one.view) and one.view == other.view and one.weight_bearing == other.weight_bearing


def _same_plane(one: SeenKnee, other: SeenKnee) -> bool:
    planes = {seen.joint_space.calibration if seen.joint_space else SpacingSource.NONE for seen in (one, other)}
    return len(planes) == 1 and SpacingSource.NONE not in planes


def _changes(then: SeenKnee, now: SeenKnee) -> Iterator[SpaceChange]:
    for name in COMPARED:
        widths = [seen.joint_space.width(name, "min_mm") if seen.joint_space else None for seen in (then, now)]
        if widths[0] is not None and widths[1] is not None:
            yield SpaceChange(name, widths[0], widths[1])
