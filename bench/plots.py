"""The tables as one image: a panel each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.page import Section

mpl.use("svg")

import matplotlib.pyplot as plt


def draw(sections: Sequence[Section], path: Path) -> None:
    mpl.rcParams.update({"svg.hashsalt": "koa-worker", "svg.fonttype": "none", "font.size": 9})
    columns = 2
    rows = -(-len(sections) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(12, 3.4 * rows), layout="constrained", squeeze=False)
    for panel, section in zip(panels.flat, sections, strict=False):
        panel.set_title(section.title, loc="left")
        panel.set_ylabel(section.y)
        stacked = section.title == "Stages"
        (_lines if section.logarithmic else _stacks if stacked else _bars)(panel, section)
        if len(section.drawn) > 1:  # beside the panel, where it covers nothing; what is stacked highest comes first
            panel.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), reverse=stacked)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels.flat[len(sections) :]:
        panel.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _lines(panel: plt.Axes, section: Section) -> None:
    for name, values in section.drawn.items():
        panel.plot(section.over, values, marker="o", label=name)
    panel.set_xlabel(section.columns[0])
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:,g}")
    panel.yaxis.set_minor_formatter("")


def _bars(panel: plt.Axes, section: Section) -> None:
    places = np.arange(len(section.over))
    width = 0.8 / len(section.drawn)
    for number, (name, values) in enumerate(section.drawn.items()):
        bars = panel.bar(places + number * width, values, width, label=name)
        panel.bar_label(bars, fmt="%.1f", fontsize=7)
    panel.set_xticks(places + 0.4 - width / 2, section.over)


def _stacks(panel: plt.Axes, section: Section) -> None:
    below = np.zeros(len(section.over))
    for name, values in section.drawn.items():
        panel.bar(section.over, values, 0.6, below, label=name)
        below += values
