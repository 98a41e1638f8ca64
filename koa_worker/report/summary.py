"""The patient and the study, at the top of the first page."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.languages import say
from koa_worker.report import text, words
from koa_worker.report.content import StudyReport
from koa_worker.report.sheet import INK, QUIET, Sheet

_LABEL = 7.5
_FIELD = 29.0  # the height of a row of fields
_NAMES = (13.0, 11.0, 9.0)  # sizes to try, on at most three lines
_LEADING = 1.3  # line spacing: other scripts reach higher and lower than Latin
# Start and width of the four columns of fields, as shares of the sheet's width.
_FIELDS = ((0.0, 0.42), (0.44, 0.23), (0.69, 0.18), (0.89, 0.11))
_VALUES = (10.0, 9.0, 8.0, 7.0)  # sizes to try: a shortened identifier would be another identifier


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
        sheet.text(sheet.left, y + 9, say("report.patient"), _LABEL, ink=QUIET)
        size, lines = self._name()
        for index, line in enumerate(lines):
            sheet.text(sheet.left, y + 24 + size * _LEADING * index, line, size, bold=bool(text.clean(patient.name)))
        _draw_field(sheet, y, 1, say("report.patient_id"), patient.id)
        _draw_field(sheet, y, 2, say("report.born"), words.born(patient, study.date))
        _draw_field(sheet, y, 3, say("report.sex"), words.sex(patient))
        y += _FIELD + self._further_lines + 2
        _draw_field(sheet, y, 0, say("report.description"), self._description())
        _draw_field(sheet, y, 1, say("report.study_date"), words.moment(study.date))
        _draw_field(sheet, y, 2, say("report.accession"), study.accession)
        _draw_field(sheet, y, 3, say("report.view"), ", ".join(sorted({image.view for image in images if image.view})))

    @property
    def _further_lines(self) -> float:
        size, lines = self._name()
        return size * _LEADING * (len(lines) - 1)

    def _name(self) -> tuple[float, tuple[str, ...]]:
        """The size and the lines of the name: the largest size that shows all of it."""
        name = text.clean(self.report.patient.name)
        layouts = [(size, text.wrap(name or say("report.not_stated"), 214.0, size, bold=bool(name))) for size in _NAMES]
        return next((layout for layout in layouts if not layout[1][-1].endswith(text.ELLIPSIS)), layouts[-1])

    def _description(self) -> str:
        study = self.report.study
        return " · ".join(part for part in (study.description, study.institution) if part)

    def _draw_plain(self, sheet: Sheet, y: float) -> None:
        """A PNG or a similar file: only its bytes identify it."""
        sheet.text(sheet.left, y + 9, say("report.patient"), _LABEL, ink=QUIET)
        sheet.text(sheet.left, y + 22, say("report.plain_picture"), _VALUES[0])
        y += _FIELD + 2
        _draw_field(
            sheet, y, 0, say("report.format"), ", ".join(sorted({image.format for image in self.report.images}))
        )
        sheet.text(sheet.left + sheet.width * _FIELDS[1][0], y + 9, say("report.study_identifier"), _LABEL, ink=QUIET)
        room = sheet.width * (1 - _FIELDS[1][0])
        sheet.fitted(sheet.left + sheet.width * _FIELDS[1][0], y + 22, room, self.report.study.study_uid, 9)


def _draw_field(sheet: Sheet, y: float, column: int, label: str, value: str) -> None:
    """Draws a label and its value; a long value is drawn smaller or on two lines."""
    start, share = _FIELDS[column]
    x, room = sheet.left + sheet.width * start, sheet.width * share
    sheet.text(x, y + 9, label, _LABEL, ink=QUIET)
    shown = value or say("report.not_stated")
    size = next((size for size in _VALUES if text.width(shown, size) <= room), _VALUES[-1])
    for index, line in enumerate(text.wrap(shown, room, size, most=2)):
        sheet.text(x, y + 22 + 8 * index - (2 if size == _VALUES[-1] else 0), line, size, ink=INK if value else QUIET)
