"""The format of numbers and times, and fixed words, for all pages."""

from __future__ import annotations

from datetime import date, datetime

from flask import Flask

from koa_worker.report import course_words, words
from koa_worker.store import State
from koa_worker.study.earlier import Course
from koa_worker.values import GRADE_WORDS, GRADES, CompartmentName, Role, Side
from koa_worker.web.hanging import edges, hanging
from koa_worker.web.plots import Plot, Series, line

STATES = {
    State.WAITING: "Waiting",
    State.WORKING: "Working",
    State.COMPLETED: "Graded",
    State.REJECTED: "Rejected",
    State.FAILED: "Failed",
    State.DUPLICATE: "Duplicate",
}

ROLE_RIGHTS = {
    Role.VIEW: "sees results, but no patient data and no whole radiograph",
    Role.READ: "also sees patient data, reads, uploads, sends again and corrects",
    Role.ADMIN: "also manages users, reads the audit log and erases patients",
}


def teach(app: Flask) -> None:
    app.jinja_env.filters |= {
        "moment": moment,
        "day": day,
        "percent": words.percent,
        "number": number,
        "side": lambda side: words.side(Side(side)),
        "state": lambda state: STATES[State(state)],
        "knee": words.knee_title,
        "review": words.review_reason,
        "review_in_short": words.review_in_short,
        "share": lambda share: f"{share * 100:.0f}\u00a0%",
        "scale": words.on_site_scale,
        "width": words.width,
        "plane": words.plane,
        "hanging": hanging,
        "edges": edges,
        "notices": course_words.notices,
        "grade_change": course_words.grade_change,
        "space_changes": course_words.space_changes,
        "course_plot": course_plot,
    }
    app.jinja_env.globals |= {
        "GRADES": GRADES,
        "GRADE_WORDS": GRADE_WORDS,
        "GRADE_MEANINGS": {kl: words.grade_meaning(kl) for kl in GRADES},
        "COMPARTMENTS": {name: words.compartment(name) for name in CompartmentName},
        "STATES": STATES,
        "ROLE_RIGHTS": ROLE_RIGHTS,
        "EARLIER_EXAMS": course_words.heading(),
    }


def moment(when: datetime | None) -> str:
    """The time in this machine's time zone, to the minute."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else ""


def day(when: date | None) -> str:
    return words.day(when)


def course_plot(course: Course) -> Plot:
    """The grade of a knee at each exam."""
    title = f"{words.knee_title(course.now.side)}: grade at each exam"
    days = [f"{point.date:%b %Y}" for point in course.points]
    grades = Series("KL", "stroke-a", [int(point.knee.stands.grade.kl) for point in course.points])
    return line(title, "", days, grades, within=(GRADES[0], GRADES[-1]))


def number(count: float) -> str:
    """The number with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")
