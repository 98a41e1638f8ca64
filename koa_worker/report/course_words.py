"""The words about a knee in several images of a study and at several exams, for the report and the page."""

from __future__ import annotations

from collections.abc import Sequence

from koa_worker.languages import number, say
from koa_worker.report import words
from koa_worker.study.earlier import REPEATABLE_MM, Course, PatientExams, SpaceChange

_DAYS_A_MONTH, _DAYS_A_YEAR = 30.44, 365.25


def heading() -> str:
    return say("course.heading")


def other_images(grades: Sequence[tuple[str, int]]) -> str:
    """The other images of a knee, each by its name in the report, with their grades."""
    return say("course.other_images", grades=", ".join(f"{name}: KL {kl}" for name, kl in grades)) if grades else ""


def notices(exams: PatientExams) -> tuple[str, ...]:
    """Warnings for a reader who compares exams."""
    newest = (say("course.newest", day=words.day(exams.newest)),) if exams.newest else ()
    return newest + ((say("course.not_taken"),) if exams.not_taken else ())


def grade_change(course: Course) -> str:
    """`KL 1 on 2025-03-01, KL 3 now: two grades higher after 12 months`."""
    then, now, by = course.then, course.now.stands.grade, course.grade_change
    change = say(f"course.{'higher' if by > 0 else 'lower'}_{abs(by)}" if by else "course.same_grade")
    before = then.knee.stands.grade
    since = say(
        "course.grade",
        then=before.kl,
        day=words.day(then.date),
        now=now.kl,
        change=change,
        time=_time(course.days),
    )
    return since if course.same_model else since + say("course.other_model", model=before.model)


def space_changes(course: Course) -> tuple[str, ...]:
    """A sentence for each compartment that may be compared, or the reason why none is."""
    if course.not_compared is not None:
        return (say(f"course.{course.not_compared}"),)
    return tuple(map(_space_change, course.spaces))


def _space_change(change: SpaceChange) -> str:
    compartment = words.compartment(change.name)
    then, now = number(change.then_mm, 1), number(change.now_mm, 1)
    widths = say("course.widths", compartment=compartment, then=then, now=now)
    if not change.is_change:
        return say("course.no_change", widths=widths, limit=number(REPEATABLE_MM, 2))
    return say(f"course.{'narrower' if change.by_mm < 0 else 'wider'}", widths=widths, by=number(abs(change.by_mm), 1))


def _time(days: int) -> str:
    if days < 2 * _DAYS_A_MONTH:
        return say("course.days" if days > 1 else "course.day", count=days)
    if days < 2 * _DAYS_A_YEAR:
        return say("course.months", count=number(days / _DAYS_A_MONTH, 0))
    return say("course.years", count=number(days / _DAYS_A_YEAR, 1))
