"""Composes a report from its blocks and renders it as PDF bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from io import BytesIO
from typing import NamedTuple

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from koa_worker import config
from koa_worker.report import course_words, words
from koa_worker.report.content import KneeEntry, StudyReport, knees_in_reading_order
from koa_worker.report.course import CourseBlock
from koa_worker.report.detail import ImageBlock
from koa_worker.report.flow import Block, lay_out
from koa_worker.report.fonts import begin, ready
from koa_worker.report.page_frame import FIRST_HEAD, LATER_HEAD, draw_first_head, draw_foot, draw_later_head
from koa_worker.report.refusals import Refusal
from koa_worker.report.reportlab_parts import document_of
from koa_worker.report.sheet import PAPERS, TOP, Sheet
from koa_worker.report.summary import Explanation, Identity, KneeRow, TableHead

MANY = 6  # more knees than this make the rows of the table smaller
MOST_A_BLOCK = 4  # knees beneath one frame; more would not fit a page

# Images are written as bytes; the library's default writes them as text, which is a quarter larger.
rl_config.useA85 = 0


def render(report: StudyReport, settings: config.ReportSettings) -> bytes:
    """The finished file; the same content gives the same bytes."""
    size = PAPERS[settings.paper]
    stream = BytesIO()
    canvas = Canvas(stream, pagesize=size, pageCompression=1, invariant=1, lang="en", initialFontName=ready())
    begin(document_of(canvas))
    _describe(canvas, report)
    sheet = Sheet(canvas, size)
    scale, pages = lay_out(compose(report), sheet.bottom - TOP - FIRST_HEAD, sheet.bottom - TOP - LATER_HEAD)
    for number, blocks in enumerate(pages, start=1):
        y = _draw_head(sheet, report, settings, number)
        for block in blocks:
            block.draw(sheet, y, scale)
            y += block.height(scale)
        draw_foot(sheet, report, number, len(pages))
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def compose(report: StudyReport) -> list[Block]:
    """The blocks in the order in which they are read."""
    images = report.images
    shown: dict[tuple[str, int], _Shown] = {}
    details: list[Block] = []
    for image in images:
        title = words.image_title(image.number, len(images), image.view)
        knees = tuple(enumerate(knees_in_reading_order(image), start=len(shown) + 1))
        where = words.image_reference(image.number, image.view) if len(images) > 1 else ""
        shown |= {(image.id, knee.position): _Shown(number, where, knee) for number, knee in knees}
        starts = range(0, len(knees), MOST_A_BLOCK)
        details += [ImageBlock(title, image, knees[at : at + MOST_A_BLOCK], report.graded_by.model) for at in starts]
    rows = _rows(report, shown)
    table: list[Block] = [TableHead(), *rows] if rows else []
    earlier: list[Block] = [CourseBlock(course, first=at == 0) for at, course in enumerate(report.courses)]
    explained = Explanation(_warnings(report), graded=bool(rows))
    return [Identity(report), *table, *earlier, explained, *details, *_refusals(report)]


class _Shown(NamedTuple):
    """A knee of an image, by its number and its image in the report."""

    number: int
    where: str
    knee: KneeEntry


def _rows(report: StudyReport, shown: Mapping[tuple[str, int], _Shown]) -> list[Block]:
    """One row for each knee of the study."""
    compact = len(report.study_knees) > MANY
    rows: list[Block] = []
    for line in report.study_knees:
        number, where, knee = shown[line.stands.place]
        others = [(shown[seen.place].where or str(shown[seen.place].number), seen.grade.kl) for seen in line.others]
        also = course_words.other_images(others)
        rows.append(KneeRow(number, where, knee, line.review_reasons, also, compact=compact))
    return rows


def _refusals(report: StudyReport) -> list[Block]:
    """Knees of graded images first, then whole files."""
    told = [
        (words.refused_knee(image.number, knee.roi.side), knee.code, knee.detail)
        for image in report.images
        for knee in image.refused
    ]
    told += [(words.file_label(entry.id), entry.code, entry.detail) for entry in report.rejected]
    return [Refusal(*one, first=index == 0) for index, one in enumerate(told)]


def _warnings(report: StudyReport) -> tuple[str, ...]:
    """The warnings that a reader needs before trusting a grade; they are on the first page."""
    lines = [*course_words.notices(report.exams)]
    for image in report.images:
        if image.patient_differs:
            lines.append(words.patient_differs(image.number))
        if image.identity_taken:
            lines.append(words.identity_taken(image.number))
        lines += [words.knee_not_graded(image.number, knee.roi.side, knee.code) for knee in image.refused]
    if report.rejected:
        lines.append(words.not_graded(len(report.rejected)))
    return tuple(lines)


def _draw_head(sheet: Sheet, report: StudyReport, settings: config.ReportSettings, page: int) -> float:
    if page == 1:
        draw_first_head(sheet, settings.institution)
        return TOP + FIRST_HEAD
    draw_later_head(sheet, report)
    return TOP + LATER_HEAD


def _describe(canvas: Canvas, report: StudyReport) -> None:
    """Sets the metadata. It contains no patient data, because file managers and mail programs show it."""
    canvas.setTitle(words.document_title(report.id))
    canvas.setAuthor(words.AUTHOR)
    canvas.setSubject(words.NOTICE)
    canvas.setKeywords(words.KEYWORDS)
    canvas.setCreator(f"{words.AUTHOR} {report.graded_by.software}")
    made = report.made_at.astimezone(UTC)
    canvas.setDateFormatter(lambda *_: f"D:{made:%Y%m%d%H%M%S}+00'00'")
    canvas.setViewerPreference("DisplayDocTitle", "true")
