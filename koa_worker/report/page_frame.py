"""The head and foot of every page: patient, research notice, model, program version and page number."""

from __future__ import annotations

from koa_worker.languages import say
from koa_worker.report import text, words
from koa_worker.report.content import StudyReport
from koa_worker.report.sheet import FOOT, INK, MARK, QUIET, TOP, Rect, Sheet
from koa_worker.system.own_mark import BARS

FIRST_HEAD = 46.0  # heights below the top margin
LATER_HEAD = 30.0
_NOTICE_SIZE = 8.5
_INSTITUTION = (9.0, 8.0, 7.0)  # sizes to try
_MARK_HEIGHT = 3.0


def draw_first_head(sheet: Sheet, institution: str) -> None:
    _draw_notice(sheet, TOP)
    room = sheet.width - text.width(say("report.subtitle"), 9) - 16
    sheet.text(sheet.left, TOP + 14, say("report.title"), 17, bold=True)
    sheet.text(sheet.left, TOP + 28, say("report.subtitle"), 9, ink=QUIET)
    size = next((size for size in _INSTITUTION if text.width(institution, size) <= room), _INSTITUTION[-1])
    sheet.fitted(sheet.right, TOP + 28, room, institution, size, ink=QUIET, align="right")
    sheet.rule(sheet.left, TOP + 37, sheet.width, weight=1.2, ink=INK)


def draw_later_head(sheet: Sheet, report: StudyReport) -> None:
    """Draws the head of a later page. It names the patient, because printed pages get separated."""
    room = sheet.width - _draw_notice(sheet, TOP - 4) - 16
    name = report.patient.name or f"{say('report.patient')} {say('report.not_stated')}"
    rest = " · ".join(fact for fact in (report.patient.id, words.moment(report.study.date)) if fact)
    shown = text.shorten(name, max(room * 0.5, room - text.width(rest, 9) - 10), 9, bold=True)
    wide = sheet.text(sheet.left, TOP + 8, shown, 9, bold=True)
    sheet.fitted(sheet.left + wide + 10, TOP + 8, room - wide - 10, rest, 9)
    sheet.rule(sheet.left, TOP + 17, sheet.width, weight=1.2, ink=INK)


def _draw_notice(sheet: Sheet, y: float) -> float:
    wide = text.width(say("report.notice"), _NOTICE_SIZE, bold=True) + 14
    sheet.outline(Rect(sheet.right - wide, y, wide, 17), weight=0.9, ink=INK)
    sheet.text(sheet.right - wide / 2, y + 11.6, say("report.notice"), _NOTICE_SIZE, bold=True, align="centre")
    return wide


def draw_foot(sheet: Sheet, report: StudyReport, page: int, pages: int) -> None:
    y = sheet.page_height - FOOT + 16
    sheet.rule(sheet.left, y, sheet.width)
    number = words.page_of(page, pages)
    room = sheet.width - text.width(number, 7.5, bold=True) - 12
    model = words.model_line(report.graded_by)
    if page > 1:  # printed pages get separated; the first one has it in its head
        model = f"{say('report.computed')} · {model}"
    sheet.fitted(sheet.left, y + 11, room, model, 7.5, ink=QUIET)
    made = words.report_line(report.id, report.revision, report.made_at)
    sheet.fitted(sheet.left, y + 21, room, made, 7.5, ink=QUIET)
    sheet.text(sheet.right, y + 11, number, 7.5, bold=True, align="right")
    _draw_mark(sheet)


def _draw_mark(sheet: Sheet) -> None:
    """Draws pale bars along the lower edge: an image made of this page is recognised by them as our own result."""
    edge, top = sheet.page_width / len(BARS), sheet.page_height - _MARK_HEIGHT
    dark = (place for place, bright in enumerate(BARS) if not bright)
    sheet.fill(*(Rect(place * edge, top, edge, _MARK_HEIGHT) for place in dark), ink=MARK)
