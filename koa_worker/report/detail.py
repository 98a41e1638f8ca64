"""The evidence: each radiograph with its boxes; each knee with crop, heatmap and all probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from koa_worker.languages import say
from koa_worker.report import words
from koa_worker.report.content import ImageEntry, KneeEntry
from koa_worker.report.flow import SCALES
from koa_worker.report.sheet import BAR, GAP, INK, MARGIN_LINE, PAPER, QUIET, TRACK, Rect, Sheet
from koa_worker.values import GRADES, KneeRoi

_TITLE, _PANEL_TITLE, _CAPTION, _BAR = 20.0, 18.0, 12.0, 11.0
_TIGHT_BAR = 10.0
_CROP, _CROP_GAP = 119.0, 10.0  # at scale 1; two and their gap fill half of the narrower paper
_LEAST_CAPTION = 92.0  # the height of the words below an image of any size
_FRAME_BELOW, _FRAME_BESIDE = 262.0, 196.0  # the largest height of a frame, at scale 1
_NARROWEST = 511.0  # the width of the narrower paper between its margins


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """One radiograph and its knees. One knee is beside the frame; two or more are below it, two in a row."""

    title: str
    image: ImageEntry
    knees: tuple[tuple[int, KneeEntry], ...]  # with their numbers
    model: str  # the model of the report; a knee that another model graded names its own

    def height(self, scale: float) -> float:
        frame = self._frame_height(scale)
        if self._beside:
            return _TITLE + max(frame + 4, _panel_height(scale)) + (4 if _is_tight(scale) else 10)
        return _TITLE + frame + 12 + -(-len(self.knees) // 2) * _panel_height(scale) + (0 if _is_tight(scale) else 6)

    def draw(self, sheet: Sheet, y: float, scale: float) -> None:
        self._draw_title(sheet, y)
        y += _TITLE
        column = (sheet.width - GAP) / 2
        if self._beside:
            self._draw_frame(sheet, Rect(sheet.left, y + 2, column, self._frame_height(scale)))
            self._draw_knee(sheet, Rect(sheet.left + column + GAP, y, column, _panel_height(scale)), 0, scale)
            return
        frame = self._frame_height(scale)
        self._draw_frame(sheet, Rect(sheet.left, y + 2, sheet.width, frame))
        y += frame + 12
        for index in range(len(self.knees)):
            x = sheet.left + (index % 2) * (column + GAP)
            panel = Rect(x, y + (index // 2) * _panel_height(scale), column, _panel_height(scale))
            self._draw_knee(sheet, panel, index, scale)

    @property
    def _beside(self) -> bool:
        return len(self.knees) == 1

    def _frame_height(self, scale: float) -> float:
        """A wide image takes only the height that it fills; beside a knee it may be as high as the knee's panel."""
        shape = self.image.rows / self.image.columns
        if self._beside:
            return min(max(_FRAME_BESIDE * scale, _panel_height(scale) - 10), (_NARROWEST - GAP) / 2 * shape)
        return min(_FRAME_BELOW * scale, _NARROWEST * shape)

    def _draw_title(self, sheet: Sheet, y: float) -> None:
        wide = sheet.text(sheet.left, y + 12, self.title, 10, bold=True)
        size = say("image.pixels", columns=self.image.columns, rows=self.image.rows)
        pixel = words.pixel_size(self.image.spacing)
        taken = words.moment(self.image.taken)
        facts = [taken, self.image.format, size, pixel, words.file_label(self.image.id)]
        line = " · ".join(fact for fact in facts if fact)
        sheet.fitted(sheet.right, y + 12, sheet.width - wide - 16, line, 7.5, ink=QUIET, align="right")

    def _draw_frame(self, sheet: Sheet, room: Rect) -> None:
        """The whole radiograph, as large as the room allows, with a numbered box around each knee."""
        points = min(room.width / self.image.columns, room.height / self.image.rows)
        wide, high = self.image.columns * points, self.image.rows * points
        indent = 0.0 if self._beside else (room.width - wide) / 2
        place = Rect(room.x + indent, room.y, wide, high)
        sheet.picture(place, self.image.frame)
        with sheet.clipped(place):
            for number, knee in self.knees:
                _draw_box(sheet, place, points, knee.roi, f"{number} {knee.roi.side.letter}".strip())
            for refused in self.image.refused:
                _draw_box(sheet, place, points, refused.roi, say("table.not_graded"))

    def _draw_knee(self, sheet: Sheet, panel: Rect, index: int, scale: float) -> None:
        number, knee = self.knees[index]
        _draw_panel_title(sheet, panel, number, knee, self.model)
        edge, y = _crop_edge(scale), panel.y + _PANEL_TITLE
        room = max(edge, _LEAST_CAPTION)
        second = panel.x + room + _CROP_GAP
        sheet.picture(Rect(panel.x, y, edge, edge), knee.crop)
        sheet.picture(Rect(second, y, edge, edge), knee.overlay)
        _draw_margins(sheet, Rect(panel.x, y, edge, edge), knee)
        caption = say("image.measured" if knee.joint_space else "image.crop")
        sheet.fitted(panel.x, y + edge + 9, room, caption, 6.5, ink=QUIET)
        sheet.fitted(second, y + edge + 9, room, say("image.heatmap"), 6.5, ink=QUIET)
        _draw_bars(sheet, Rect(panel.x, y + edge + _CAPTION + 2, panel.width, _bars_height(scale)), knee)


def _crop_edge(scale: float) -> float:
    """Crops shrink less than frames, because they show the evidence; the frame only shows its position."""
    usual = 1.0 - (1.0 - max(scale, SCALES[-1])) * 0.4
    return _CROP * min(1.0, usual - max(SCALES[-1] - scale, 0.0))


def _is_tight(scale: float) -> bool:
    return scale < SCALES[-1]


def _bars_height(scale: float) -> float:
    return (_TIGHT_BAR if _is_tight(scale) else _BAR) * len(GRADES) + 4


def _panel_height(scale: float) -> float:
    return _PANEL_TITLE + _crop_edge(scale) + _CAPTION + _bars_height(scale) + 6


def _draw_box(sheet: Sheet, frame: Rect, points: float, roi: KneeRoi, label: str) -> None:
    box = roi.box
    place = Rect(frame.x + box.x * points, frame.y + box.y * points, box.width * points, box.height * points)
    if not roi.whole_frame:
        sheet.outline(place, weight=2.6, ink=INK)
        sheet.outline(place, weight=1.1, ink=PAPER)
    sheet.tag(max(place.x, frame.x) + 1, max(place.y, frame.y) + 1, label, height=11)


def _draw_panel_title(sheet: Sheet, panel: Rect, number: int, knee: KneeEntry, model: str) -> None:
    y, end = panel.y, panel.x + panel.width
    start = panel.x + sheet.tag(panel.x, y + 1, str(number)) + 6
    title = f"{words.knee_title(knee.roi.side)} · KL {knee.grade.kl} {words.grade_word(knee.grade.kl)}"
    wide = sheet.text(start, y + 10.5, title, 9.5, bold=True)
    if knee.grade.model != model:
        room = end - start - wide - 8
        sheet.fitted(end, y + 10.5, room, knee.grade.model, 7, ink=QUIET, align="right")


def _draw_margins(sheet: Sheet, place: Rect, knee: KneeEntry) -> None:
    """Draws both margins of each measured compartment on the crop."""
    if knee.joint_space is None:
        return
    box = knee.roi.box
    across, down = place.width / box.width, place.height / box.height
    with sheet.clipped(place):
        for part in knee.joint_space.compartments:
            for line in (part.femoral, part.tibial) if part.clear else ():
                at = [(place.x + (x + 0.5 - box.x) * across, place.y + (y + 0.5 - box.y) * down) for x, y in line]
                sheet.polyline(at, weight=0.7, ink=MARGIN_LINE)


def _draw_bars(sheet: Sheet, place: Rect, knee: KneeEntry) -> None:
    """Draws one bar for each grade. The given grade is black and bold; a bracket joins the grades that mean OA."""
    x, y = place.x, place.y
    start, end = x + 62, x + place.width - 92
    pitch = (place.height - 4) / len(GRADES)
    for kl in GRADES:
        base, given = y + pitch * kl + 8.5, kl == knee.grade.kl
        sheet.text(x, base, f"{kl} {words.grade_word(kl)}", 8, bold=given)
        sheet.fill(Rect(start, base - 6.5, end - start, 7), ink=TRACK)
        share = min(max(knee.grade.probabilities[kl], 0.0), 1.0)
        if share > 0:
            sheet.fill(Rect(start, base - 6.5, (end - start) * share, 7), ink=INK if given else BAR)
        sheet.text(end + 28, base, words.percent(share), 8, bold=given, align="right")
    top, bottom = y + pitch * 2 + 2, y + pitch * 5 - 2.5
    sheet.bracket(end + 36, top, bottom, 3)
    middle = (top + bottom) / 2
    sheet.text(end + 41, middle - 0.5, words.percent(knee.grade.oa_probability), 8.5, bold=True)
    sheet.text(end + 41, middle + 8, say("image.oa"), 6.5, ink=QUIET)
