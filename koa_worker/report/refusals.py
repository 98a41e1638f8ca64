"""The part of the report on what was not graded: the reason, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.errors import CATALOGUE
from koa_worker.report import text, words
from koa_worker.report.sheet import INK, QUIET, Sheet

_HEAD = 24.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One file or knee that was not graded, with its error code. The first one has the heading above it."""

    what: str  # which file, or which knee of which image
    code: str
    detail: str
    first: bool

    def height(self, _scale: float) -> float:
        return 17.0 + 11.0 * len(self._remedy()) + (_HEAD if self.first else 0.0)

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        if self.first:
            sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
            sheet.text(sheet.left, y + 18, words.NOT_GRADED, 10, bold=True)
            y += _HEAD
        sentence = CATALOGUE[self.code].sentence_with(self.detail)
        label = f"{self.what} · {self.code}"
        room = sheet.width - text.width(label, 7.5) - 14
        sheet.fitted(sheet.left, y + 10, room, sentence, 9)
        sheet.text(sheet.right, y + 10, label, 7.5, ink=QUIET, align="right")
        for index, line in enumerate(self._remedy()):
            sheet.text(sheet.left, y + 22 + 11 * index, line, 8, ink=QUIET)

    def _remedy(self) -> tuple[str, ...]:
        return text.wrap(words.remedy(CATALOGUE[self.code].remedy), 500.0, 8, most=2)
