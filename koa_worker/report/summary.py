"""The summary for a reader with ten seconds: patient and study, then one row for each knee."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.report import text, words
from koa_worker.report.content import KneeEntry, StudyReport
from koa_worker.report.sheet import INK, QUIET, SIGNAL, Sheet
from koa_worker.values import ReviewReason

_LABEL = 7.5
_FIELD = 29.0  # the height of a row of fields
_NAMES = (13.0, 11.0, 9.0)  # sizes to try, on at most three lines
_LEADING = 1.3  # line spacing: other scripts reach higher and lower than Latin
# Start and width of the four columns of fields, as shares of the sheet's width.
_FIELDS = ((0.0, 0.42), (0.44, 0.23), (0.69, 0.18), (0.89, 0.11))
_VALUES = (10.0, 9.0, 8.0, 7.0)  # sizes to try: an identifier that is cut short is another identifier


@dataclass(frozen=True, slots=True)
class Identity:
    """Patient and study as the files give them; a missing value is shown as "not stated", not left blank."""

    report: StudyReport

    def height(self, _scale: float) -> float:
        return 2 * _FIELD + 6 + self._further_lines

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        images = self.report.images
        if images and all(image.format != "DICOM" for image in images):
            self._draw_plain(sheet, y)
            return
        patient, study = self.report.patient, self.report.study
        sheet.text(sheet.left, y + 9, words.PATIENT, _LABEL, ink=QUIET)
        size, lines = self._name()
        for index, line in enumerate(lines):
            sheet.text(sheet.left, y + 24 + size * _LEADING * index, line, size, bold=bool(text.clean(patient.name)))
        _draw_field(sheet, y, 1, words.PATIENT_ID, patient.id)
        _draw_field(sheet, y, 2, words.BORN, words.born(patient, study.date))
        _draw_field(sheet, y, 3, words.SEX, words.sex(patient))
        y += _FIELD + self._further_lines + 2
        _draw_field(sheet, y, 0, words.DESCRIPTION, self._description())
        _draw_field(sheet, y, 1, words.STUDY_DATE, words.moment(study.date))
        _draw_field(sheet, y, 2, words.ACCESSION, study.accession)
        _draw_field(sheet, y, 3, words.VIEWS, ", ".join(sorted({image.view for image in images if image.view})))

    @property
    def _further_lines(self) -> float:
        size, lines = self._name()
        return size * _LEADING * (len(lines) - 1)

    def _name(self) -> tuple[float, tuple[str, ...]]:
        """The size and the lines of the name: the largest size that shows all of it."""
        name = text.clean(self.report.patient.name)
        layouts = [(size, text.wrap(name or words.NOT_STATED, 214.0, size, bold=bool(name))) for size in _NAMES]
        return next((layout for layout in layouts if not layout[1][-1].endswith(text.ELLIPSIS)), layouts[-1])

    def _description(self) -> str:
        study = self.report.study
        return " · ".join(part for part in (study.description, study.institution) if part)

    def _draw_plain(self, sheet: Sheet, y: float) -> None:
        """A PNG or a similar file: only its bytes identify it."""
        sheet.text(sheet.left, y + 9, words.PATIENT, _LABEL, ink=QUIET)
        sheet.text(sheet.left, y + 22, words.PLAIN_PICTURE, _VALUES[0])
        y += _FIELD + 2
        _draw_field(sheet, y, 0, words.FORMAT, ", ".join(sorted({image.format for image in self.report.images})))
        sheet.text(sheet.left + sheet.width * _FIELDS[1][0], y + 9, words.STUDY_UID, _LABEL, ink=QUIET)
        room = sheet.width * (1 - _FIELDS[1][0])
        sheet.fitted(sheet.left + sheet.width * _FIELDS[1][0], y + 22, room, self.report.study.study_uid, 9)


def _draw_field(sheet: Sheet, y: float, column: int, label: str, value: str) -> None:
    """Draws a label and its value; a long value is drawn smaller or on two lines."""
    start, share = _FIELDS[column]
    x, room = sheet.left + sheet.width * start, sheet.width * share
    sheet.text(x, y + 9, label, _LABEL, ink=QUIET)
    shown = value or words.NOT_STATED
    size = next((size for size in _VALUES if text.width(shown, size) <= room), _VALUES[-1])
    for index, line in enumerate(text.wrap(shown, room, size, most=2)):
        sheet.text(x, y + 22 + 8 * index - (2 if size == _VALUES[-1] else 0), line, size, ink=INK if value else QUIET)


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of the columns in the table of knees, in points from the left margin."""

    tag: float = 0.0
    side: float = 24.0
    grade: float = 104.0
    word: float = 132.0
    confidence: float = 344.0  # right edge
    oa: float = 410.0  # right edge
    review: float = 426.0


COLUMNS = Columns()
_MEANING_ROOM, _MEANING_LINE = COLUMNS.confidence - COLUMNS.word - 44, 9.5
_REASON_ROOM = 379.0  # from the column of words to the right margin of the narrower paper
_REASON_LINE = 10.0
_READING_LINE = 11.0


@dataclass(frozen=True, slots=True)
class TableHead:
    def height(self, _scale: float) -> float:
        return 24.0

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
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
    """One knee of the study at a glance; a `compact` row leaves out the definition of the grade."""

    number: int  # of the knee whose grade stands
    image: str
    knee: KneeEntry
    reasons: tuple[ReviewReason, ...]  # for a review of the knee in all its images
    others: str = ""  # the sentence about its other images
    compact: bool = False

    def height(self, _scale: float) -> float:
        reasons = self._reasons()
        return self._line + _REASON_LINE * len(reasons) + (4.0 if reasons else 0.0)

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        grade, base = self.knee.grade, y + (18.5 if self.compact else 20.0)
        sheet.tag(sheet.left, base - 12, str(self.number), height=14)
        sheet.text(sheet.left + COLUMNS.side, base, words.SIDES[self.knee.roi.side], 13, bold=True)
        x, below = (COLUMNS.word + 78, 0) if self.compact else (COLUMNS.side, 12)
        sheet.fitted(sheet.left + x, base + below, 78, self.image, 7.5, ink=QUIET)
        self._draw_grade(sheet, base)
        sheet.text(sheet.left + COLUMNS.confidence, base, words.percent(grade.confidence), 13, align="right")
        sheet.text(sheet.left + COLUMNS.oa, base, words.percent(grade.oa_probability), 13, align="right")
        for index, line in enumerate(self._reading()):
            sheet.text(sheet.left + COLUMNS.word, y + self._grade_line + 5.5 + _READING_LINE * index, line, 8.5)
        self._draw_review(sheet, base, y + self._line)
        sheet.rule(sheet.left, y + self.height(1.0) - 1, sheet.width)

    @property
    def _line(self) -> float:
        """The height of the row without the reasons for a review."""
        lines = len(self._reading())
        return self._grade_line + _READING_LINE * lines + (2.0 if lines else 0.0)

    @property
    def _grade_line(self) -> float:
        return 28.0 if self.compact else 26.5 + _MEANING_LINE * len(self._meaning())

    def _meaning(self) -> tuple[str, ...]:
        return text.wrap(words.GRADE_MEANINGS[self.knee.grade.kl], _MEANING_ROOM, 7.5, most=2)

    def _reading(self) -> tuple[str, ...]:
        sentence = words.reading(self.knee.grade.kl, self.knee.joint_space)
        return tuple(line for said in (sentence, self.others) if said for line in text.wrap(said, _REASON_ROOM, 8.5))

    def _draw_grade(self, sheet: Sheet, base: float) -> None:
        kl = self.knee.grade.kl
        size, below = (20.0, 1.5) if self.compact else (26.0, 5.0)
        sheet.text(sheet.left + COLUMNS.grade, base + below, str(kl), size, bold=True)
        sheet.text(sheet.left + COLUMNS.word, base - (0 if self.compact else 3), words.grade_word(kl), 13, bold=True)
        if self.compact:
            return
        for index, line in enumerate(self._meaning()):
            sheet.text(sheet.left + COLUMNS.word, base + 8 + _MEANING_LINE * index, line, 7.5, ink=QUIET)

    def _draw_review(self, sheet: Sheet, base: float, below: float) -> None:
        x = sheet.left + COLUMNS.review
        if not self.reasons:
            sheet.text(x, base, words.NO_REVIEW, 9, ink=QUIET)
        else:
            sheet.warning_sign(x, base, 12)
            sheet.text(x + 16, base, words.REVIEW, 11, bold=True, ink=SIGNAL)
        for index, line in enumerate(self._reasons()):
            sheet.text(sheet.left + COLUMNS.word, below + 5.5 + _REASON_LINE * index, line, 7.5)

    def _reasons(self) -> tuple[str, ...]:
        """Whole sentences, below the row, where there is room for all of them; the scale first, if it is the site's."""
        grade = self.knee.grade
        sentences = " ".join([words.on_site_scale(grade), *map(words.review_reason, self.reasons)]).strip()
        return text.wrap(sentences, _REASON_ROOM, 7.5, most=5 if grade.site else 4) if sentences else ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the numbers in the table mean, and the warnings."""

    warnings: tuple[str, ...]
    graded: bool

    def height(self, _scale: float) -> float:
        return (24.0 if self.graded else 26.0) + 15.0 * len(self.warnings) + 4

    def draw(self, sheet: Sheet, y: float, _scale: float) -> None:
        if self.graded:
            for index, line in enumerate(words.EXPLANATION):
                sheet.fitted(sheet.left, y + 10 + 9.5 * index, sheet.width, line, 7, ink=QUIET)
            y += 24
        else:
            sheet.rule(sheet.left, y + 4, sheet.width, weight=1.2, ink=INK)
            sheet.text(sheet.left, y + 22, words.NO_KNEE_GRADED, 13, bold=True)
            y += 26
        for index, warning in enumerate(self.warnings):
            base = y + 11 + 15 * index
            sheet.warning_sign(sheet.left, base + 1, 10)
            sheet.fitted(sheet.left + 14, base, sheet.width - 14, warning, 9, bold=True, ink=SIGNAL)
