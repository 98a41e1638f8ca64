"""The words about a knee in several images of a study and at several exams; the report and the page have the same."""

from __future__ import annotations

from collections.abc import Sequence

from koa_worker.report import words
from koa_worker.study.earlier import REPEATABLE_MM, Course, NotCompared, PatientExams, SpaceChange

EARLIER_EXAMS = "Compared with the earlier exam"
NOT_TAKEN = "Another exam under this patient ID was not compared: birth date or sex differs or is missing."

_DAYS_A_MONTH, _DAYS_A_YEAR = 30.44, 365.25
_NUMBERS = {1: "one grade", 2: "two grades", 3: "three grades", 4: "four grades"}
_NOT_COMPARED = {
    NotCompared.NOT_MEASURED: "joint space: not compared, because no compartment was measured in mm at both exams",
    NotCompared.VIEW: "joint space: not compared, because the views differ or are not stated",
    NotCompared.SPACING: "joint space: not compared, because the pixel sizes are missing or of different planes",
}


def other_images(grades: Sequence[tuple[str, int]]) -> str:
    """The other images of a knee, each by its name in the report, with their grades."""
    return f"Other images: {', '.join(f'{name}: KL {kl}' for name, kl in grades)}." if grades else ""


def notices(exams: PatientExams) -> tuple[str, ...]:
    """What must be known before exams are compared."""
    newest = f"This is an earlier exam. The newest one of this patient is of {words.day(exams.newest)}."
    return ((newest,) if exams.newest else ()) + ((NOT_TAKEN,) if exams.not_taken else ())


def grade_change(course: Course) -> str:
    """`KL 1 on 2025-03-01, KL 3 now: two grades higher after 12 months`."""
    then, now = course.then, course.now.stands.grade
    by = course.grade_change
    change = f"{_NUMBERS[abs(by)]} {'higher' if by > 0 else 'lower'}" if by else "the same grade"
    since = f"KL {then.knee.stands.grade.kl} on {words.day(then.date)}, KL {now.kl} now"
    other = "" if course.same_model else f"; the earlier grade is by {then.knee.stands.grade.model}"
    return f"{since}: {change} after {_time(course.days)}{other}"


def space_changes(course: Course) -> tuple[str, ...]:
    """A sentence for each compartment that may be compared, or the reason why none is."""
    if course.not_compared is not None:
        return (_NOT_COMPARED[course.not_compared],)
    return tuple(map(_space_change, course.spaces))


def _space_change(change: SpaceChange) -> str:
    widths = f"{words.COMPARTMENTS[change.name]} joint space {change.then_mm:.1f} mm then, {change.now_mm:.1f} mm now"
    if not change.is_change:
        return f"{widths}: no change beyond the ±{REPEATABLE_MM:.2f} mm of the measurement"
    return f"{widths}: {abs(change.by_mm):.1f} mm {'narrower' if change.by_mm < 0 else 'wider'}"


def _time(days: int) -> str:
    if days < 2 * _DAYS_A_MONTH:
        return f"{days} day{'s' if days > 1 else ''}"
    if days < 2 * _DAYS_A_YEAR:
        return f"{days / _DAYS_A_MONTH:.0f} months"
    return f"{days / _DAYS_A_YEAR:.1f} years"
