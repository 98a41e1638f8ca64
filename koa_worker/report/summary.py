"""The ten seconds: who and what, then one row for each knee."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.report import text, words
from koa_worker.report.content import KneeEntry, StudyReport
from koa_worker.report.sheet import INK, QUIET, SIGNAL, Sheet
from koa_worker.values import Patient

_LABEL, _VALUE, _NAME = 7.5, 10.0, 13.0
_FIELD = 27.0  # the height of a row of fields


@dataclass(frozen=True, slots=True)
class Identity:
    """Patient and study, as the files say; what they do not say is not left blank but called so."""

    report: StudyReport

    def height(self, scale: float) -> float:
        return 2 * _FIELD + 8 + 13 * (len(self._name()) - 1)

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        patient, study = self.report.patient, self.report.study
        if patient == Patient() and study.date is None:
            self._draw_plain(sheet, y)
            return
        _field(sheet, y, 0.0, 0.44, words.PATIENT, "")
        for index, line in enumerate(self._name()):
            sheet.text(sheet.left, y + 23 + 13 * index, line or words.NOT_STATED, _NAME, bold=bool(line))
        _field(sheet, y, 0.46, 0.22, words.PATIENT_ID, patient.id)
        _field(sheet, y, 0.70, 0.18, words.BORN, words.born(patient, study.date))
        _field(sheet, y, 0.90, 0.10, words.SEX, words.sex(patient))
        y += _FIELD + 13 * (len(self._name()) - 1) + 3
        _field(sheet, y, 0.0, 0.44, words.DESCRIPTION, self._description())
        _field(sheet, y, 0.46, 0.22, words.STUDY_DATE, words.moment(study.date))
        _field(sheet, y, 0.70, 0.18, words.ACCESSION, study.accession)
        _field(sheet, y, 0.90, 0.10, words.VIEWS, self._views())

    def _name(self) -> list[str]:
        return text.wrap(self.report.patient.name, 225.0, _NAME, bold=True, most=2)

    def _description(self) -> str:
        study = self.report.study
        return " · ".join(part for part in (study.description, study.institution) if part)

    def _views(self) -> str:
        return ", ".join(sorted({image.view for image in self.report.images if image.view}))

    def _draw_plain(self, sheet: Sheet, y: float) -> None:
        """A PNG and its like: the bytes are all that identifies it."""
        _field(sheet, y, 0.0, 1.0, words.PATIENT, words.PLAIN_PICTURE)
        formats = ", ".join(sorted({image.format for image in self.report.images}))
        y += _FIELD + 3
        _field(sheet, y, 0.0, 0.44, words.FORMAT, formats)
        _field(sheet, y, 0.46, 0.54, words.STUDY_UID, self.report.study.study_uid)


def _field(sheet: Sheet, y: float, start: float, share: float, label: str, value: str) -> None:
    x, room = sheet.left + sheet.width * start, sheet.width * share
    sheet.text(x, y + 9, label, _LABEL, ink=QUIET)
    if label == words.PATIENT and not value:
        return  # its value is the name, drawn larger
    sheet.fitted(x, y + 22, room, value or words.NOT_STATED, _VALUE, ink=INK if value else QUIET)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of the table of knees begin, in points from the left margin."""

    tag: float = 0.0
    side: float = 24.0
    grade: float = 112.0
    word: float = 140.0
    confidence: float = 338.0  # right edge
    oa: float = 408.0  # right edge
    review: float = 424.0


COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class TableHead:
    def height(self, scale: float) -> float:
        return 24.0

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
        line = y + 16
        sheet.text(sheet.left, line, words.SIDE_COLUMN, _LABEL, ink=QUIET)
        sheet.text(sheet.left + COLUMNS.grade, line, words.GRADE_COLUMN, _LABEL, ink=QUIET)
        sheet.text(sheet.left + COLUMNS.confidence, line, words.CONFIDENCE_COLUMN, _LABEL, ink=QUIET, align="right")
        sheet.text(sheet.left + COLUMNS.oa, line, words.OA_COLUMN, _LABEL, ink=QUIET, align="right")
        sheet.text(sheet.left + COLUMNS.review, line, words.REVIEW_COLUMN, _LABEL, ink=QUIET)
        sheet.rule(sheet.left, y + 22, sheet.width)


@dataclass(frozen=True, slots=True)
class KneeRow:
    """One knee at a glance; `compact` leaves the grade's definition to the reader's memory."""

    number: int
    image: str
    knee: KneeEntry
    compact: bool = False

    def height(self, scale: float) -> float:
        return 28.0 if self.compact else 43.0

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        grade, base = self.knee.grade, y + (19.0 if self.compact else 20.0)
        sheet.tag(sheet.left, base - 12, str(self.number), height=14)
        side = words.SIDES[self.knee.roi.side]
        sheet.text(sheet.left + COLUMNS.side, base, side, 13 if len(side) < 8 else 11, bold=True)
        if self.image and not self.compact:
            sheet.fitted(sheet.left + COLUMNS.side, base + 13, 84, self.image, 7.5, ink=QUIET)
        self._draw_grade(sheet, base)
        sheet.text(sheet.left + COLUMNS.confidence, base, words.percent(grade.confidence), 13, align="right")
        sheet.text(sheet.left + COLUMNS.oa, base, words.percent(grade.oa_probability), 13, align="right")
        self._draw_review(sheet, base)
        sheet.rule(sheet.left, y + self.height(scale) - 1, sheet.width)

    def _draw_grade(self, sheet: Sheet, base: float) -> None:
        kl = self.knee.grade.kl
        sheet.text(sheet.left + COLUMNS.grade, base + (2 if self.compact else 5), str(kl), 26, bold=True)
        sheet.text(sheet.left + COLUMNS.word, base - (0 if self.compact else 3), words.grade_word(kl), 13, bold=True)
        if self.compact:
            return
        lines = text.wrap(words.GRADE_MEANINGS[kl], COLUMNS.confidence - COLUMNS.word - 56, 7.5, most=2)
        for index, line in enumerate(lines):
            sheet.text(sheet.left + COLUMNS.word, base + 8 + 9.5 * index, line, 7.5, ink=QUIET)

    def _draw_review(self, sheet: Sheet, base: float) -> None:
        x, room = sheet.left + COLUMNS.review, sheet.width - COLUMNS.review
        if not self.knee.grade.needs_review:
            sheet.text(x, base, words.NO_REVIEW, 9, ink=QUIET)
            return
        first = base - (4 if self.compact else 3)
        sheet.warning_sign(x, first, 11)
        sheet.text(x + 14, first, words.REVIEW, 10, bold=True, ink=SIGNAL)
        reasons = " ".join(map(words.review_reason, self.knee.grade.review_reasons))
        for index, line in enumerate(text.wrap(reasons, room, 7.5, most=1 if self.compact else 2)):
            sheet.text(x, first + 10 + 9 * index, line, 7.5)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the table's numbers mean, and that files are missing from it."""

    rejected: int
    graded: bool

    def height(self, scale: float) -> float:
        return (14.0 if self.graded else 26.0) + (16.0 if self.rejected else 0.0) + 4

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        if self.graded:
            sheet.fitted(sheet.left, y + 10, sheet.width, words.EXPLANATION, 7, ink=QUIET)
            y += 14
        else:
            sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
            sheet.text(sheet.left, y + 22, words.NO_KNEE_GRADED, 13, bold=True)
            y += 26
        if self.rejected:
            sheet.warning_sign(sheet.left, y + 12, 10)
            sheet.text(sheet.left + 14, y + 11, words.not_graded(self.rejected), 9, bold=True, ink=SIGNAL)
