"""A knee over several images and exams, in the structured report.

It uses the standard's Time Point Context (TID 1502 in TID 1501): date, order and days since the first known exam. The
earlier exam is a measurement group of its own, with the tracking identifier that the knee has now.
"""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import (
    LongitudinalTemporalOffsetFromEvent,
    Measurement,
    QualitativeEvaluation,
    TimePointContext,
)

from koa_worker.publish.objects import codes
from koa_worker.publish.objects.result import KneeResult
from koa_worker.publish.objects.sr_places import PLACES_MM
from koa_worker.study.earlier import REPEATABLE_MM, Course


def time_point(course: Course, place: int) -> TimePointContext:
    """The time point of the exam at this position among the knee's exams, from 0."""
    day, first = course.points[place].date, course.points[0].date
    return TimePointContext(
        time_point=day.isoformat(),
        time_point_order=place + 1,
        temporal_offset_from_event=LongitudinalTemporalOffsetFromEvent(
            value=(day - first).days, unit=codes.DAY, event_type=codes.BASELINE
        ),
    )


def now(knee: KneeResult) -> TimePointContext | None:
    course = knee.course
    return time_point(course, len(course.points) - 1) if course else None


def evaluations(knee: KneeResult) -> Iterator[QualitativeEvaluation]:
    """The grade that stands for the knee, and the grades of other images, if there are any."""
    if knee.line is not None and knee.line.others:
        yield QualitativeEvaluation(name=codes.STUDY_GRADE, value=codes.GRADE_VALUES[knee.line.stands.grade.kl])
        for other in knee.line.others:
            yield QualitativeEvaluation(name=codes.OTHER_GRADE, value=codes.GRADE_VALUES[other.grade.kl])


def changes(knee: KneeResult) -> Iterator[Measurement]:
    """The differences from the earlier exam; those of the joint space only if comparable, with the limit."""
    course = knee.course
    if course is None:
        return
    yield Measurement(codes.GRADE_CHANGE, course.grade_change, codes.STEPS)
    for change in course.spaces:
        yield Measurement(codes.WIDTH_CHANGES[change.name], round(change.by_mm, PLACES_MM), codes.MILLIMETRE)
    if course.spaces:
        yield Measurement(codes.REPEATABLE, REPEATABLE_MM, codes.MILLIMETRE)


def earlier_evaluations(course: Course) -> list[QualitativeEvaluation]:
    return [QualitativeEvaluation(name=codes.GRADE, value=codes.GRADE_VALUES[course.then.knee.stands.grade.kl])]


def earlier_measurements(course: Course) -> list[Measurement]:
    return [
        Measurement(codes.WIDTHS[change.name], round(change.then_mm, PLACES_MM), codes.MILLIMETRE)
        for change in course.spaces
    ]
