"""The remedies for everything that was not graded, and the reasons for files in which no knee was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from koa_worker.languages import say
from koa_worker.report import text, words
from koa_worker.report.content import StudyReport
from koa_worker.report.flow import Block
from koa_worker.report.knee_table import RefusedRow
from koa_worker.report.sheet import INK, QUIET, Sheet
from koa_worker.values import Side

_HEAD, _LINE = 24.0, 11.0
_MOST_NAMES, _MOST_LINES = 32, 20  # in one entry
_ROOM = 511.0  # of the narrower paper


@dataclass(frozen=True, slots=True)
class NotGraded:
    """One error code with its files or knees. The first block has the heading above it."""

    what: str  # which files, or which knees of which images
    code: str
    reason: str  # empty if the table of knees shows it
    first: bool

    def height(self, _scale: float) -> float:
        return 8.0 + _LINE * len(self._lines()) + (_HEAD if self.first else 0.0)

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        if self.first:
            sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
            sheet.text(sheet.left, y + 18, say("table.not_graded"), 10, bold=True)
            y += _HEAD
        for index, (line, size, quiet) in enumerate(self._lines()):
            sheet.text(sheet.left, y + 10 + _LINE * index, line, size, ink=QUIET if quiet else INK)

    def _lines(self) -> list[tuple[str, float, bool]]:
        """The lines, each with its size, and whether it is gray."""
        reason = text.wrap(self.reason, _ROOM, 9) if self.reason else ()
        what = text.wrap(f"{self.what} · {self.code}", _ROOM, 8, most=_MOST_LINES)
        remedy = text.wrap(words.remedy(self.code), _ROOM, 8)
        lines = [(line, 9.0, False) for line in reason]
        return lines + [(line, 8.0, not lines) for line in what] + [(line, 8.0, True) for line in remedy]


def refused_rows(report: StudyReport) -> list[tuple[Side, Block]]:
    """A row for each knee that was found or named but not graded, also in rejected files, with its side."""
    several = len(report.images) + len(report.rejected) > 1
    return [
        (knee.side, RefusedRow(knee.side, knee.where if several else "", knee.code, knee.detail))
        for knee in _refused_knees(report)
    ]


def refusals(report: StudyReport) -> list[Block]:
    """One entry for each reason, whatever the number of files and knees; first the reasons in the table of knees."""
    told: dict[tuple[str, str], list[str]] = {}
    for knee in _refused_knees(report):
        told.setdefault((knee.code, ""), []).append(f"{words.knee_title(knee.side)}, {knee.where}")
    in_table = {(knee.where, knee.code) for knee in _refused_knees(report)}
    for entry in report.rejected:
        label = words.file_label(entry.id)
        if (label, entry.code) not in in_table:
            told.setdefault((entry.code, words.fault(entry.code, entry.detail)), []).append(label)
    entries = [
        (what[at : at + _MOST_NAMES], code, reason)
        for (code, reason), what in told.items()
        for at in range(0, len(what), _MOST_NAMES)
    ]
    return [NotGraded("; ".join(what), code, reason, first=at == 0) for at, (what, code, reason) in enumerate(entries)]


class _Refused(NamedTuple):
    """A knee without a grade, with the name of its image or file."""

    where: str
    side: Side
    code: str
    detail: str


def _refused_knees(report: StudyReport) -> list[_Refused]:
    found = [
        _Refused(words.image_reference(image.number, image.view), knee.roi.side, knee.code, knee.detail)
        for image in report.images
        for knee in image.refused
    ]
    for entry in report.rejected:
        where = words.file_label(entry.id)
        found += [_Refused(where, knee.roi.side, knee.code, knee.detail) for knee in entry.refused]
        found += [_Refused(where, side, entry.code, entry.detail) for side in entry.unseen]
    return found
