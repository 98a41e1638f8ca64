"""The warnings, and the explanations of the numbers and the scale."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.languages import say
from koa_worker.report import text, words
from koa_worker.report.content import StudyReport
from koa_worker.report.sheet import GAP, INK, QUIET, SIGNAL, Sheet
from koa_worker.values import GRADES

_SIZE, _LINE, _HEAD = 7.0, 9.0, 12.0
_COLUMN = (511.0 - GAP) / 2  # the room of a column on the narrower paper
_WARNING, _WARNING_LINE = 9.0, 12.0


@dataclass(frozen=True, slots=True)
class Warnings:
    """Warnings at the top of the report, each with a warning sign."""

    sentences: tuple[str, ...]

    def height(self, _scale: float) -> float:
        return sum(_WARNING_LINE * len(lines) + 3 for lines in self._lines()) + (4 if self.sentences else 0)

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        y += 11
        for lines in self._lines():
            sheet.warning_sign(sheet.left, y + 1, 10)
            for line in lines:
                sheet.text(sheet.left + 14, y, line, _WARNING, bold=True, ink=SIGNAL)
                y += _WARNING_LINE
            y += 3

    def _lines(self) -> list[tuple[str, ...]]:
        return [text.wrap(sentence, 511.0 - 14, _WARNING, bold=True) for sentence in self.sentences]


@dataclass(frozen=True, slots=True)
class NoneGraded:
    """Replaces the table of grades if there is no grade."""

    def height(self, _scale: float) -> float:
        return 30.0

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
        sheet.text(sheet.left, y + 22, say("table.none_graded"), 13, bold=True)


@dataclass(frozen=True, slots=True)
class Explanation:
    """On the left the meaning of the numbers, on the right that of the grades; never beside a knee."""

    report: StudyReport

    def height(self, _scale: float) -> float:
        return _HEAD + _LINE * max(map(len, self._columns())) + 10

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        headings = (say("explained.heading"), say("explained.scale"))
        for column, (heading, lines) in enumerate(zip(headings, self._columns(), strict=True)):
            x = sheet.left + column * (_COLUMN + GAP)
            sheet.text(x, y + 11, heading, 7.5, bold=True, ink=QUIET)
            for index, line in enumerate(lines):
                sheet.text(x, y + _HEAD + 9 + _LINE * index, line, _SIZE, ink=QUIET)

    def _columns(self) -> tuple[list[str], list[str]]:
        scale = [f"KL {kl} {words.grade_word(kl)}: {words.grade_meaning(kl)}" for kl in GRADES]
        return _wrapped(self._numbers()), _wrapped([*scale, say("explained.unmeasured")])

    def _numbers(self) -> list[str]:
        """Explains only numbers that the report contains."""
        knees = [knee for image in self.report.images for knee in image.knees]
        flagged = [bool(line.review_reasons) for line in self.report.study_knees]
        site = self.report.graded_by.site
        said = [words.site_scale(site)] if site else []
        said += [say("explained.review")] if any(flagged) else []
        said += [say("explained.no_flag")] if not all(flagged) else []
        said.append(say("explained.confidence"))
        said += [say("explained.joint_space")] if any(knee.joint_space for knee in knees) else []
        said.append(say("explained.heatmap"))
        return said


def _wrapped(sentences: list[str]) -> list[str]:
    return [line for sentence in sentences for line in text.wrap(sentence, _COLUMN, _SIZE, most=5)]
