"""The page as a canvas with its origin at the top left, and the few shapes that the report is drawn with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Literal

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, letter
from reportlab.pdfgen.canvas import Canvas

from koa_worker.report import fonts, text
from koa_worker.report.fonts import BOLD, REGULAR
from koa_worker.report.picture import Picture
from koa_worker.report.reportlab_parts import Jpeg, document_of, draw_literally

PAPERS: dict[str, tuple[float, float]] = {"A4": A4, "letter": letter}
MARGIN = 42.0
TOP = 34.0
FOOT = 52.0  # the height of the foot
GAP = 14.0  # between columns

INK = HexColor("#111111")
QUIET = HexColor("#555555")  # 7:1 on white
RULE = HexColor("#B5B5B5")
TRACK = HexColor("#EBEBEB")
BAR = HexColor("#8A8A8A")
MARK = HexColor("#DEDEDE")
SIGNAL = HexColor("#8F2D0C")  # never alone: there is always a sign and a word too
PAPER = HexColor("#FFFFFF")
MARGIN_LINE = HexColor("#FFD21F")  # visible on bright bone and in a dark joint space

Align = Literal["left", "right", "centre"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle on the sheet; x and y are its top left corner."""

    x: float
    y: float
    width: float
    height: float


class Sheet:
    """Draws on one page after another; y grows downwards, and text stands on its baseline."""

    def __init__(self, canvas: Canvas, size: tuple[float, float]) -> None:
        self.canvas = canvas
        self.page_width, self.page_height = size
        self.left = MARGIN
        self.width = self.page_width - 2 * MARGIN
        self.bottom = self.page_height - FOOT
        self._pictures = 0

    @property
    def right(self) -> float:
        return self.left + self.width

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        bold: bool = False,
        ink: Color = INK,
        align: Align = "left",
    ) -> float:
        """Draws one line and gives its width."""
        pieces = text.runs(words, bold=bold)
        wide = size * sum(piece.width for piece in pieces)
        start = x - wide * {"left": 0.0, "right": 1.0, "centre": 0.5}[align]
        line = ["BT 1 0 0 1", numbers(start, self.page_height - y), "Tm", _color(ink), "rg"]
        for piece in pieces:
            thicken = bold and piece.font not in {REGULAR, BOLD}
            if thicken:  # other scripts than Latin, Greek and Cyrillic are shipped only in regular weight
                line += ["2 Tr", numbers(size * 0.03), "w", _color(ink), "RG"]
            for font, codes in fonts.shown(piece.text, piece.font, document_of(self.canvas)):
                line.append(f"{font} {numbers(size)} Tf ({codes}) Tj")
            if thicken:
                line.append("0 Tr")
        draw_literally(self.canvas, " ".join((*line, "ET")))
        return wide

    def fitted(
        self,
        x: float,
        y: float,
        room: float,
        words: str,
        size: float,
        *,
        bold: bool = False,
        ink: Color = INK,
        align: Align = "left",
    ) -> None:
        """Draws one line; a line that is too long is cut with an ellipsis."""
        self.text(x, y, text.shorten(words, room, size, bold=bold), size, bold=bold, ink=ink, align=align)

    def rule(self, x: float, y: float, width: float, *, weight: float = 0.5, ink: Color = RULE) -> None:
        low = self.page_height - y
        self._stroke(weight, ink, _line(((x, low), (x + width, low))))

    def fill(self, *places: Rect, ink: Color) -> None:
        draw_literally(self.canvas, f"{_color(ink)} rg {' '.join(map(self._rectangle, places))} f")

    def outline(self, place: Rect, *, weight: float = 0.5, ink: Color = RULE) -> None:
        self._stroke(weight, ink, self._rectangle(place))

    def _stroke(self, weight: float, ink: Color, path: str) -> None:
        draw_literally(self.canvas, f"{_color(ink)} RG {numbers(weight)} w {path} S")

    def _rectangle(self, place: Rect) -> str:
        return f"{numbers(place.x, self._low(place), place.width, place.height)} re"

    def polyline(self, points: Sequence[tuple[float, float]], *, weight: float, ink: Color) -> None:
        path = _line([(x, self.page_height - y) for x, y in points])
        draw_literally(self.canvas, f"{_color(ink)} RG {numbers(weight)} w 1 j {path} S")

    def picture(self, place: Rect, picture: Picture) -> None:
        self._pictures += 1
        self.canvas.drawImage(Jpeg(picture.jpeg, self._pictures), place.x, self._low(place), place.width, place.height)
        self.outline(place)

    def tag(self, x: float, y: float, words: str, *, height: float = 12.0) -> float:
        """Draws white text on black with a white edge, so that it is readable on any radiograph and on paper."""
        size = height * 0.7
        wide = max(height, text.width(words, size, bold=True) + height * 0.55)
        place = Rect(x, y, wide, height)
        self.fill(place, ink=INK)
        self.outline(place, weight=0.6, ink=PAPER)
        self.text(x + wide / 2, y + height * 0.755, words, size, bold=True, ink=PAPER, align="centre")
        return wide

    def warning_sign(self, x: float, y: float, size: float) -> None:
        """Draws a filled triangle with an exclamation mark; its base is at y."""
        base = self.page_height - y
        corners = ((x, base), (x + size, base), (x + size / 2, base + size * 0.88))
        draw_literally(self.canvas, f"{_color(SIGNAL)} rg {_line(corners)} h f")
        self.text(x + size / 2, y - size * 0.1, "!", size * 0.72, bold=True, ink=PAPER, align="centre")

    def bracket(self, x: float, top: float, bottom: float, depth: float) -> None:
        """Draws a square bracket that opens to the left and joins the lines beside it."""
        high, low = self.page_height - top, self.page_height - bottom
        self._stroke(0.7, QUIET, _line(((x - depth, high), (x, high), (x, low), (x - depth, low))))

    @contextmanager
    def clipped(self, place: Rect) -> Iterator[None]:
        """Clips all drawing in the context to the rectangle."""
        draw_literally(self.canvas, f"q {self._rectangle(place)} W n")
        try:
            yield
        finally:
            draw_literally(self.canvas, "Q")

    def _low(self, place: Rect) -> float:
        return self.page_height - place.y - place.height


_FORMS = tuple(" ".join(["%.2f"] * count) for count in range(7))


def numbers(*values: float) -> str:
    """Lengths as a PDF contains them, to the hundredth of a point, which is a three-hundredth of a millimetre."""
    return _FORMS[len(values)] % values


def _line(points: Sequence[tuple[float, float]]) -> str:
    """A path along these points of the page, whose y grows upwards."""
    further = " %.2f %.2f l" * (len(points) - 1) % tuple(chain.from_iterable(points[1:]))
    return f"{numbers(*points[0])} m{further}"


def _color(ink: Color) -> str:
    return _rgb(ink.red, ink.green, ink.blue)


@cache
def _rgb(*shares: float) -> str:
    return " ".join(f"{share:.4g}" for share in shares)
