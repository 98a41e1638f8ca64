"""The knees at the earlier exams: a block on the first page, with a small plot where there are three exams or more."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.report import course_words, text, words
from koa_worker.report.sheet import BAR, INK, QUIET, RULE, Rect, Sheet
from koa_worker.study.earlier import Course
from koa_worker.values import GRADES

PLOTTED = 3  # number of exams from which on a plot is drawn
_HEAD, _TITLE, _LINE = 22.0, 13.0, 10.5
_PLOT = (190.0, 58.0)  # width and height with its labels
_DOT = 3.4


@dataclass(frozen=True, slots=True)
class CourseBlock:
    """One knee at its earlier exams and now. The first block has the heading above it."""

    course: Course
    first: bool

    def height(self, _scale: float) -> float:
        lines = _TITLE + _LINE * len(self._lines())
        return (_HEAD if self.first else 0.0) + max(lines, _PLOT[1] if self._is_plotted else 0.0) + 5

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        if self.first:
            sheet.text(sheet.left, y + 15, course_words.heading(), 10, bold=True)
            y += _HEAD
        sheet.text(sheet.left, y + 9, words.knee_title(self.course.now.side), 9, bold=True)
        for index, line in enumerate(self._lines()):
            sheet.text(sheet.left, y + _TITLE + 8 + _LINE * index, line, 8.5)
        if self._is_plotted:
            _draw_plot(sheet, Rect(sheet.right - _PLOT[0], y, *_PLOT), self.course)

    @property
    def _is_plotted(self) -> bool:
        return len(self.course.points) >= PLOTTED

    def _lines(self) -> tuple[str, ...]:
        room = 511.0 - (_PLOT[0] + 14 if self._is_plotted else 0)
        said = (course_words.grade_change(self.course), *course_words.space_changes(self.course))
        sentences = (f"{one[0].upper()}{one[1:]}." for one in said)
        return tuple(line for sentence in sentences for line in text.wrap(sentence, room, 8.5))


def _draw_plot(sheet: Sheet, place: Rect, course: Course) -> None:
    """The grade at each exam, over the days."""
    left, right, top, bottom = place.x + 26, place.x + place.width - 22, place.y + 6, place.y + place.height - 13
    first, days = course.points[0].date, (course.points[-1].date - course.points[0].date).days
    for kl in GRADES:
        y = bottom - (bottom - top) * kl / GRADES[-1]
        sheet.rule(left, y, right - left, weight=0.4, ink=RULE)
        if kl % 2 == 0:
            sheet.text(left - 4, y + 2.3, f"KL {kl}", 6.5, ink=QUIET, align="right")
    at = [
        (
            left + (right - left) * (point.date - first).days / days,
            bottom - (bottom - top) * point.knee.stands.grade.kl / GRADES[-1],
        )
        for point in course.points
    ]
    sheet.polyline(at, weight=1.0, ink=BAR)
    for x, y in at:
        sheet.fill(Rect(x - _DOT / 2, y - _DOT / 2, _DOT, _DOT), ink=INK)
    sheet.text(left, bottom + 11, words.day(course.points[0].date), 6.5, ink=QUIET, align="centre")
    sheet.text(right, bottom + 11, words.day(course.points[-1].date), 6.5, ink=QUIET, align="centre")
