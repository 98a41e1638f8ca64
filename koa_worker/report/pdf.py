"""Composes a report from its blocks and renders it as PDF bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from io import BytesIO
from typing import NamedTuple

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from koa_worker import config
from koa_worker.languages import language, say, speaking
from koa_worker.report import course_words, words
from koa_worker.report.archival import COLOURS, PDF_VERSION, About, srgb, xmp
from koa_worker.report.content import KneeEntry, StudyReport, knees_in_reading_order
from koa_worker.report.course import CourseBlock
from koa_worker.report.detail import ImageBlock
from koa_worker.report.explanation import Explanation, NoneGraded, Warnings
from koa_worker.report.flow import Block, lay_out
from koa_worker.report.fonts import begin, ready
from koa_worker.report.knee_table import KneeLine, TableHead
from koa_worker.report.not_graded import refusals, refused_rows
from koa_worker.report.page_frame import FIRST_HEAD, LATER_HEAD, draw_first_head, draw_foot, draw_later_head
from koa_worker.report.reportlab_parts import add_archival_parts, document_of
from koa_worker.report.sheet import PAPERS, TOP, Sheet
from koa_worker.report.summary import Identity
from koa_worker.values import Side

MANY = 6  # more knees than this make the rows of the table smaller
_SIDES = {Side.RIGHT: 0, Side.UNKNOWN: 1, Side.LEFT: 2}  # in reading order
MOST_A_BLOCK = 4  # knees beneath one frame; more would not fit a page

# Images are written as bytes; the library's default writes them as text, which is a quarter larger.
rl_config.useA85 = 0


def render(report: StudyReport, settings: config.ReportSettings) -> bytes:
    """The bytes of the PDF; the same content gives the same bytes."""
    with speaking(settings.language):
        return _render(report, settings)


def _render(report: StudyReport, settings: config.ReportSettings) -> bytes:
    size = PAPERS[settings.paper]
    stream = BytesIO()
    canvas = Canvas(
        stream,
        pagesize=size,
        pageCompression=1,
        invariant=1,
        lang=language(),
        initialFontName=ready(),
        pdfVersion=PDF_VERSION,
    )
    begin(document_of(canvas))
    _describe(canvas, _about(report))
    sheet = Sheet(canvas, size)
    blocks = compose(report)
    summary = next((at for at, block in enumerate(blocks) if isinstance(block, ImageBlock)), 1)
    rooms = sheet.bottom - TOP - FIRST_HEAD, sheet.bottom - TOP - LATER_HEAD
    scale, pages = lay_out(blocks, *rooms, summary, is_scaled=lambda block: isinstance(block, ImageBlock))
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
    graded = _graded_rows(report, shown)
    rows = sorted([*graded, *refused_rows(report)], key=lambda row: _SIDES[row[0]])
    table: list[Block] = [] if graded else [NoneGraded()]
    table += [TableHead(bool(graded)), *(block for _, block in rows)] if rows else []
    earlier: list[Block] = [CourseBlock(course, first=at == 0) for at, course in enumerate(report.courses)]
    explained: list[Block] = [Explanation(report)] if graded else []
    return [Identity(report), *table, *_warnings(report), *earlier, *explained, *details, *refusals(report)]


class _Shown(NamedTuple):
    """A knee of an image, by its number and its image in the report."""

    number: int
    where: str
    knee: KneeEntry


def _graded_rows(report: StudyReport, shown: Mapping[tuple[str, int], _Shown]) -> list[tuple[Side, Block]]:
    """One row for each graded knee of the study, with its side."""
    compact = len(report.study_knees) > MANY
    rows: list[tuple[Side, Block]] = []
    for line in report.study_knees:
        number, where, knee = shown[line.stands.place]
        others = [(shown[seen.place].where or str(shown[seen.place].number), seen.grade.kl) for seen in line.others]
        also = course_words.other_images(others)
        rows.append((line.side, KneeLine(number, where, knee, line.review_reasons, also, compact=compact)))
    return rows


def _warnings(report: StudyReport) -> list[Block]:
    """The warnings that a reader needs before trusting a grade."""
    lines = [*course_words.notices(report.exams)]
    for image in report.images:
        if image.patient_differs:
            lines.append(words.patient_differs(image.number))
        if image.identity_taken:
            lines.append(words.identity_taken(image.number))
    if report.rejected and report.images:
        lines.append(words.not_graded(len(report.rejected)))
    return [Warnings(tuple(lines))] if lines else []


def _draw_head(sheet: Sheet, report: StudyReport, settings: config.ReportSettings, page: int) -> float:
    if page == 1:
        draw_first_head(sheet, settings.institution)
        return TOP + FIRST_HEAD
    draw_later_head(sheet, report)
    return TOP + LATER_HEAD


def _about(report: StudyReport) -> About:
    """The metadata contains no patient data, because file managers and mail programs show it."""
    return About(
        title=words.document_title(report.id, report.revision),
        author=words.AUTHOR,
        subject=say("report.notice"),
        keywords=say("report.keywords"),
        creator=f"{words.AUTHOR} {report.graded_by.software}",
        made_at=report.made_at.astimezone(UTC),
        language=language(),
    )


def _describe(canvas: Canvas, about: About) -> None:
    canvas.setTitle(about.title)
    canvas.setAuthor(about.author)
    canvas.setSubject(about.subject)
    canvas.setKeywords(about.keywords)
    canvas.setCreator(about.creator)
    canvas.setProducer(about.creator)
    canvas.setDateFormatter(lambda *_: f"D:{about.made_at:%Y%m%d%H%M%S}+00'00'")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    add_archival_parts(canvas, xmp(about, about.creator), srgb(), COLOURS)
