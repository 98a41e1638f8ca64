"""Small plots as one SVG file, without a plotting library: tables of counts, and lines over two axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from koa_worker.knee.grading.site import Floats

PANEL, GAP = 300, 36
_ROOM, _TOP = 44, 34  # pixels for the text left of a plot and above it
_SIDE = PANEL - _ROOM - 10
_COLOURS = {"release": "#8a8a8a", "site": "#1f6fb2", "ideal": "#c9c9c9"}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, in the colour of its kind; `bars` are its uncertainties from low to high."""

    kind: str
    points: Points
    bars: Sequence[tuple[float, float]] = ()


@dataclass(slots=True)
class Drawing:
    """Panels beside each other."""

    panels: list[str] = field(default_factory=list)

    def table(self, title: str, cells: Floats) -> None:
        """A table of counts as shaded cells: the readers' grade down, the given grade across."""
        step, rows = _SIDE / len(cells), cells.sum(axis=1, keepdims=True)
        shares = cells / (rows + (rows == 0))
        parts = []
        for row, counts in enumerate(cells):
            for column, count in enumerate(counts):
                x, y, share = _ROOM + column * step, _TOP + row * step, shares[row, column]
                parts.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{step:.1f}" height="{step:.1f}" fill="{_COLOURS["site"]}"'
                    f' fill-opacity="{share:.2f}" stroke="#ddd"/>'
                )
                ink = "#fff" if share > 0.5 else "#222"
                parts.append(_text(x + step / 2, y + step / 2 + 4, f"{count:.0f}", fill=ink))
            parts.append(_text(_ROOM - 10, _TOP + (row + 0.5) * step + 4, str(row)))
            parts.append(_text(_ROOM + (row + 0.5) * step, _TOP + _SIDE + 15, str(row)))
        self._add(title, "grade given", "readers' grade", parts)

    def plot(self, title: str, across: str, up: str, lines: Sequence[Line], *, labels: Sequence[str] = ()) -> None:
        """Lines in a square: upwards from 0 to 1; across from 0 to 1, or one step for each of the labels."""
        most = max(len(labels) - 1, 1)

        def place(x: float, y: float) -> tuple[float, float]:
            return _ROOM + (x / most) * _SIDE, _TOP + (1 - min(max(y, 0.0), 1.0)) * _SIDE

        parts = []
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            (left, y), (right, _) = place(0, tick), place(most, tick)
            parts.append(f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="#eee"/>')
            parts.append(_text(_ROOM - 18, y + 4, f"{tick:.2f}"))
            if not labels:
                parts.append(_text(place(tick, 0)[0], _TOP + _SIDE + 15, f"{tick:.2f}"))
        parts += [_text(place(at, 0)[0], _TOP + _SIDE + 15, label) for at, label in enumerate(labels)]
        for line in lines:
            parts += _line(line, place)
        self._add(title, across, up, parts)

    def _add(self, title: str, across: str, up: str, parts: Sequence[str]) -> None:
        left = len(self.panels) * (PANEL + GAP)
        middle = _TOP + _SIDE / 2
        words = [
            _text(_ROOM + _SIDE / 2, 18, title, weight="bold"),
            _text(_ROOM + _SIDE / 2, _TOP + _SIDE + 32, across),
            f'<g transform="rotate(-90 8 {middle:.0f})">{_text(8, middle + 4, up)}</g>',
        ]
        self.panels.append(f'<g transform="translate({left} 0)">{"".join([*words, *parts])}</g>')

    def to_text(self) -> str:
        width, height = len(self.panels) * (PANEL + GAP), _TOP + _SIDE + 44
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' font-family="sans-serif" font-size="11" role="img"><rect width="100%" height="100%" fill="#fff"/>'
            f"{''.join(self.panels)}</svg>\n"
        )


def _line(line: Line, place: Callable[[float, float], tuple[float, float]]) -> list[str]:
    colour = _COLOURS[line.kind]
    at = [place(*point) for point in line.points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>']
    if line.kind != "ideal":
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
    for (x, _), (low, high) in zip(line.points, line.bars, strict=False):
        (left, bottom), (_, top) = place(x, low), place(x, high)
        parts.append(f'<line x1="{left:.1f}" y1="{bottom:.1f}" x2="{left:.1f}" y2="{top:.1f}" stroke="{colour}"/>')
    return parts


def _text(x: float, y: float, text: str, *, fill: str = "#222", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-weight="{weight}" text-anchor="middle">{escape(text)}</text>'
    )
