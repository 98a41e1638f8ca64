"""The table that gives the result at a glance: one row for each knee of the study, graded or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from koa_worker.languages import say
from koa_worker.report import text, words
from koa_worker.report.content import KneeEntry
from koa_worker.report.sheet import INK, QUIET, SIGNAL, Sheet
from koa_worker.values import ReviewReason, Side

_LABEL = 7.5


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of the columns, in points from the left margin."""

    tag: float = 0.0
    side: float = 24.0
    grade: float = 104.0
    word: float = 132.0
    confidence: float = 330.0  # right edge
    oa: float = 410.0  # right edge
    review: float = 426.0


COLUMNS = Columns()
_ROOM = 407.0  # from the column of grades to the right margin of the narrower paper
_REASON_LINE, _READING_LINE = 10.0, 11.5
_UNDER_SIDE = 100.0  # the room for an image's name below the side


@dataclass(frozen=True, slots=True)
class TableHead:
    graded: bool

    def height(self, _scale: float) -> float:
        return 24.0

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
        line = y + 16
        sheet.text(sheet.left, line, say("table.side"), _LABEL, ink=QUIET)
        sheet.text(sheet.left + COLUMNS.grade, line, say("table.grade"), _LABEL, ink=QUIET)
        if self.graded:
            sheet.text(sheet.left + COLUMNS.confidence, line, say("table.confidence"), _LABEL, ink=QUIET, align="right")
            sheet.text(sheet.left + COLUMNS.oa, line, say("table.oa"), _LABEL, ink=QUIET, align="right")
            sheet.text(sheet.left + COLUMNS.review, line, say("table.review"), _LABEL, ink=QUIET)
        sheet.rule(sheet.left, y + 22, sheet.width)


@dataclass(frozen=True)
class KneeLine:
    """One graded knee: its grade, below it the joint space, and the reasons for a review."""

    number: int  # of the image whose grade stands for the knee
    image: str
    knee: KneeEntry
    reasons: tuple[ReviewReason, ...]  # for a review of the knee in all its images
    others: str = ""  # the sentence about its other images
    compact: bool = False

    def height(self, _scale: float) -> float:
        reasons = self._reasons
        return self._line + _REASON_LINE * len(reasons) + (5.0 if reasons else 0.0)

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        grade, base = self.knee.grade, y + (18.5 if self.compact else 21.5)
        sheet.tag(sheet.left, base - 12, str(self.number), height=14)
        _draw_side(sheet, base, self.knee.roi.side, self.image)
        sheet.text(sheet.left + COLUMNS.grade, base + 1.5, str(grade.kl), 20 if self.compact else 26, bold=True)
        sheet.text(sheet.left + COLUMNS.word, base, words.grade_word(grade.kl), 13, bold=True)
        sheet.text(sheet.left + COLUMNS.confidence, base, words.percent(grade.confidence), 13, align="right")
        sheet.text(sheet.left + COLUMNS.oa, base, words.percent(grade.oa_probability), 13, align="right")
        for index, line in enumerate(self._reading):
            sheet.text(sheet.left + COLUMNS.grade, base + 15 + _READING_LINE * index, line, 8.5)
        self._draw_review(sheet, base, y + self._line)
        sheet.rule(sheet.left, y + self.height(1.0) - 1, sheet.width)

    @property
    def _line(self) -> float:
        """The height of the row without the reasons for a review."""
        read = _READING_LINE * len(self._reading) + (26.0 if self.compact else 29.5)
        return max(read, 38.0 if self.image else 30.0)

    @cached_property
    def _reading(self) -> tuple[str, ...]:
        sentences = (words.reading(self.knee.joint_space), self.others, words.release_says(self.knee.grade))
        return tuple(line for said in sentences if said for line in text.wrap(said, _ROOM, 8.5))

    def _draw_review(self, sheet: Sheet, base: float, below: float) -> None:
        x = sheet.left + COLUMNS.review
        if not self.reasons:
            sheet.text(x, base, say("table.no_flag"), 9, ink=QUIET)
            return
        sheet.warning_sign(x, base, 12)
        sheet.text(x + 16, base, say("table.review"), 11, bold=True, ink=SIGNAL)
        for index, line in enumerate(self._reasons):
            sheet.text(sheet.left + COLUMNS.grade, below + 6.5 + _REASON_LINE * index, line, 8)

    @cached_property
    def _reasons(self) -> tuple[str, ...]:
        """The reasons as whole sentences below the row, if there is space for all of them."""
        sentences = " ".join(map(words.review_reason, self.reasons))
        return text.wrap(sentences, _ROOM, 8, most=6) if sentences else ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One knee that was not graded, with the reason, which may be the finding itself, such as an implant."""

    side: Side
    image: str
    code: str
    detail: str = ""

    def height(self, _scale: float) -> float:
        return 28.0 + _READING_LINE * len(self._reason())

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        base = y + 18.5
        _draw_side(sheet, base, self.side, self.image)
        sheet.text(sheet.left + COLUMNS.grade, base, say("table.not_graded"), 13, bold=True)
        for index, line in enumerate(self._reason()):
            sheet.text(sheet.left + COLUMNS.grade, base + 15 + _READING_LINE * index, line, 8.5)
        sheet.rule(sheet.left, y + self.height(1.0) - 1, sheet.width)

    def _reason(self) -> tuple[str, ...]:
        return text.wrap(words.fault(self.code, self.detail), _ROOM, 8.5)


def _draw_side(sheet: Sheet, base: float, side: Side, image: str) -> None:
    sheet.text(sheet.left + COLUMNS.side, base, words.side(side), 13, bold=True)
    sheet.fitted(sheet.left + COLUMNS.side, base + 12, _UNDER_SIDE, image, 7.5, ink=QUIET)
