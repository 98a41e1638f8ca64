"""Small plots as SVG, drawn on the server: columns and lines over days, with a title and the numbers as a table.

They have classes and no style, so that the page's style sheet gives them their colours. What comes a thousand times is
written with `%`, which takes a third of the time of `format`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 26
_STEPS = 4  # approximate number of steps on the scale
_MOST_LABELS = 8

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing, its meaning in a sentence, and its numbers as a table."""

    title: str
    says: str
    svg: Markup
    legend: tuple[tuple[str, str], ...]  # names with the class of their colour
    heads: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One name, one colour, and one number for each label; None where there is no number."""

    name: str
    kind: str
    values: Sequence[float | None]


def columns(title: str, says: str, labels: Sequence[str], series: Sequence[Series], *, shares: bool = False) -> Plot:
    """Stacked columns over labels; with `shares` the scale ends at 1."""
    sums = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    scale = _Scale(0, 1, 0.25) if shares else _Scale.up_to(max(sums, default=0))
    step = _step(labels)
    bars = []
    for at in range(len(labels)):
        floor_y = scale.y(0)
        for one in series:
            height = scale.y(0) - scale.y(one.values[at] or 0)
            if height > 0:
                bars.append(
                    Markup('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"></rect>')
                    % (one.kind, LEFT + step * (at + 0.1), floor_y - height, step * 0.8, height)
                )
                floor_y -= height
    return _plot(_Said(title, says, labels), series, scale, Markup("").join(bars))


def line(title: str, says: str, labels: Sequence[str], one: Series, *, within: tuple[float, float]) -> Plot:
    """A line between two bounds; it is interrupted where there is no number."""
    low, high = within
    scale = _Scale(low, high, (high - low) / _STEPS)
    step = _step(labels)
    points = [
        None if value is None else (LEFT + step * (at + 0.5), scale.y(min(max(value, low), high)))
        for at, value in enumerate(one.values)
    ]
    drawn = [
        Markup('<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"></line>') % (one.kind, *a, *b)
        for a, b in pairwise(points)
        if a and b
    ]
    dots = [Markup('<circle class="fill-a" cx="%.1f" cy="%.1f" r="2.5"></circle>') % p for p in points if p]
    return _plot(_Said(title, says, labels), [one], scale, Markup("").join([*drawn, *dots]))


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    step: float

    @classmethod
    def up_to(cls, most: float) -> _Scale:
        """A scale from zero to a round number that is at least `most`."""
        raw = max(most / _STEPS, 1)
        power: int = 10 ** floor(log10(raw))
        step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw)
        return cls(0, step * max(ceil(most / step), 1), step)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - self.low) / (self.high - self.low))

    def marks(self) -> list[float]:
        """The marks of the scale; whole numbers if all of them are, so that they are written as counts."""
        marks = [self.low + self.step * at for at in range(round((self.high - self.low) / self.step) + 1)]
        return [round(mark) for mark in marks] if all(mark == round(mark) for mark in marks) else marks


def _step(labels: Sequence[str]) -> float:
    return (WIDTH - LEFT - RIGHT) / max(len(labels), 1)


class _Said(NamedTuple):
    title: str
    says: str
    labels: Sequence[str]


def _plot(said: _Said, series: Sequence[Series], scale: _Scale, drawn: Markup) -> Plot:
    title, says, labels = said
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title><desc>{}</desc>{}{}{}</svg>'
    ).format(WIDTH, HEIGHT, title, title, says, _grid(scale), _names(labels), drawn)
    legend = tuple((one.name, one.kind) for one in series) if len(series) > 1 else ()
    rows = tuple((label, *(written(one.values[at]) for one in series)) for at, label in enumerate(labels))
    return Plot(title, says, svg, legend, ("Day", *(one.name for one in series)), rows)


def _grid(scale: _Scale) -> Markup:
    mark = Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"></line>'
        '<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    return Markup("").join(
        mark.format(LEFT, WIDTH - RIGHT, scale.y(value), scale.y(value), LEFT - 6, scale.y(value) + 4, written(value))
        for value in scale.marks()
    )


def _names(labels: Sequence[str]) -> Markup:
    step, every = _step(labels), max(1, ceil(len(labels) / _MOST_LABELS))
    name = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
    return Markup("").join(
        name.format(LEFT + step * (at + 0.5), HEIGHT - 8, label[5:] if len(label) == len("2026-01-31") else label)
        for at, label in enumerate(labels)
        if at % every == 0
    )


def written(value: float | None) -> str:
    """A count as it is, a share in per cent, None as a dash."""
    if value is None:
        return "–"
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else f"{value * 100:.0f}\u00a0%"
