"""The evidence: each radiograph with its boxes; each knee as graded, where the net looked, and all probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.report import text, words
from koa_worker.report.content import ImageEntry, KneeEntry
from koa_worker.report.sheet import BAR, GAP, INK, PAPER, QUIET, TRACK, Rect, Sheet
from koa_worker.values import GRADES

_TITLE, _PANEL_TITLE, _CAPTION, _BAR = 20.0, 18.0, 12.0, 11.0
_BARS = _BAR * len(GRADES) + 4
_CROP = 119.0  # at scale 1; two and their gap fill half of the narrower paper
_WIDE_FRAME = 262.0  # at scale 1


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """One radiograph and its knees. One knee stands beside the frame, two or more below it, two in a row."""

    title: str
    image: ImageEntry
    knees: tuple[tuple[int, KneeEntry], ...]  # with their numbers
    model: str  # the report's; a knee graded by another one says so

    def height(self, scale: float) -> float:
        rows = 1 if self._beside else -(-len(self.knees) // 2)
        frame = 0.0 if self._beside else self._frame_height(scale) + 8
        return _TITLE + frame + rows * _panel_height(scale) + 8

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        self._draw_title(sheet, y)
        y += _TITLE
        column = (sheet.width - GAP) / 2
        if self._beside:
            self._draw_frame(sheet, Rect(sheet.left, y + 2, column, _panel_height(scale) - 10))
            self._draw_knee(sheet, sheet.left + column + GAP, y, column, scale, 0)
            return
        frame = self._frame_height(scale)
        self._draw_frame(sheet, Rect(sheet.left, y + 2, sheet.width, frame))
        y += frame + 8
        for index in range(len(self.knees)):
            x = sheet.left + (index % 2) * (column + GAP)
            self._draw_knee(sheet, x, y + (index // 2) * _panel_height(scale), column, scale, index)

    @property
    def _beside(self) -> bool:
        return len(self.knees) == 1

    def _frame_height(self, scale: float) -> float:
        """A wide strip takes no more height than it fills."""
        return min(_WIDE_FRAME * scale, 511.0 * self.image.rows / self.image.columns)

    def _draw_title(self, sheet: Sheet, y: float) -> None:
        wide = sheet.text(sheet.left, y + 12, self.title, 10, bold=True)
        size = f"{self.image.columns} × {self.image.rows} pixels"
        pixel = words.pixel_size(self.image.spacing)
        taken = words.moment(self.image.taken)
        facts = [taken, self.image.format, size, pixel, words.file_label(self.image.id)]
        line = " · ".join(fact for fact in facts if fact)
        sheet.fitted(sheet.right, y + 12, sheet.width - wide - 16, line, 7.5, ink=QUIET, align="right")

    def _draw_frame(self, sheet: Sheet, room: Rect) -> None:
        """The whole radiograph, as large as the room allows, with a numbered box around each knee."""
        points = min(room.width / self.image.columns, room.height / self.image.rows)
        wide, high = self.image.columns * points, self.image.rows * points
        place = Rect(room.x + (room.width - wide) / 2, room.y, wide, high)
        sheet.picture(place, self.image.frame)
        with sheet.clipped(place):
            for number, knee in self.knees:
                _draw_box(sheet, place, points, number, knee)

    def _draw_knee(self, sheet: Sheet, x: float, y: float, width: float, scale: float, index: int) -> None:
        number, knee = self.knees[index]
        _draw_panel_title(sheet, x, y, width, number, knee, self.model)
        edge, y = _CROP * scale, y + _PANEL_TITLE
        second = x + edge + (width - 2 * _CROP) * scale
        sheet.picture(Rect(x, y, edge, edge), knee.crop)
        sheet.picture(Rect(second, y, edge, edge), knee.overlay)
        sheet.fitted(x, y + edge + 9, edge, words.CROP_CAPTION, 6.5, ink=QUIET)
        sheet.fitted(second, y + edge + 9, edge, words.OVERLAY_CAPTION, 6.5, ink=QUIET)
        _draw_bars(sheet, x, y + edge + _CAPTION + 2, width, knee)


def _panel_height(scale: float) -> float:
    return _PANEL_TITLE + _CROP * scale + _CAPTION + _BARS + 6


def _draw_box(sheet: Sheet, frame: Rect, points: float, number: int, knee: KneeEntry) -> None:
    box = knee.roi.box
    place = Rect(frame.x + box.x * points, frame.y + box.y * points, box.width * points, box.height * points)
    if not knee.roi.whole_frame:
        sheet.outline(place, weight=2.6, ink=INK)
        sheet.outline(place, weight=1.1, ink=PAPER)
    label = f"{number} {words.SIDE_LETTERS[knee.roi.side]}".strip()
    sheet.tag(max(place.x, frame.x) + 1, max(place.y, frame.y) + 1, label, height=11)


def _draw_panel_title(
    sheet: Sheet, x: float, y: float, width: float, number: int, knee: KneeEntry, model: str
) -> None:
    start = x + sheet.tag(x, y + 1, str(number)) + 6
    title = f"{words.knee_title(knee.roi.side)} · KL {knee.grade.kl} {words.grade_word(knee.grade.kl)}"
    wide = sheet.text(start, y + 10.5, title, 9.5, bold=True)
    if knee.grade.model != model:
        room = x + width - start - wide - 8
        sheet.fitted(x + width, y + 10.5, room, knee.grade.model, 7, ink=QUIET, align="right")


def _draw_bars(sheet: Sheet, x: float, y: float, width: float, knee: KneeEntry) -> None:
    """One bar a grade; black and bold is the grade that was given, and a bracket holds those that mean OA."""
    start, end = x + 62, x + width - 92
    for kl in GRADES:
        base, given = y + _BAR * kl + 8.5, kl == knee.grade.kl
        sheet.text(x, base, f"{kl} {words.grade_word(kl)}", 8, bold=given)
        sheet.fill(Rect(start, base - 6.5, end - start, 7), TRACK)
        share = min(max(knee.grade.probabilities[kl], 0.0), 1.0)
        if share > 0:
            sheet.fill(Rect(start, base - 6.5, (end - start) * share, 7), INK if given else BAR)
        sheet.text(end + 28, base, words.percent(share), 8, bold=given, align="right")
    top, bottom = y + _BAR * 2 + 2, y + _BAR * 5 - 2.5
    sheet.bracket(end + 36, top, bottom, 3)
    middle = (top + bottom) / 2
    sheet.text(end + 41, middle - 0.5, words.percent(knee.grade.oa_probability), 8.5, bold=True)
    sheet.text(end + 41, middle + 8, words.OA_COLUMN, 6.5, ink=QUIET)
