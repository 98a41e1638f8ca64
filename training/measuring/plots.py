"""Images of an evaluation: confusion heatmap, ROC, reliability diagram, coverage against accuracy.

Figures are made without pyplot: its global list of figures leaks in long runs and needs a screen on some machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from koa_worker.values import GRADE_WORDS, GRADES

from .confidence import Coverage
from .figures import BINS, Figures, Floats, Ints, auc, confidence_bin, ratio

INK = "#1f4e79"
SECOND = "#c55a11"


def draw_confusion(figures: Figures, path: Path) -> None:
    """Counts, coloured by the share of their true grade."""
    counts = np.array([[cell.value for cell in row] for row in figures.confusion])
    shares = np.nan_to_num(ratio(counts, counts.sum(axis=1, keepdims=True)))
    figure, axes = _canvas("True grade against given grade")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in GRADES:
        for column in GRADES:
            colour = "white" if shares[row, column] > 0.5 else "black"
            label = f"{counts[row, column]:.0f}\n{shares[row, column]:.0%}"
            axes.text(column, row, label, ha="center", va="center", color=colour)
    names = [f"KL {grade}\n{GRADE_WORDS[grade]}" for grade in GRADES]
    axes.set_xticks(GRADES, names, fontsize=8)
    axes.set_yticks(GRADES, names, fontsize=8)
    axes.set_xlabel("given")
    axes.set_ylabel("true")
    _save(figure, path)


def draw_roc(probabilities: Floats, truth: Ints, path: Path) -> None:
    """ROC of KL ≥ 2 and KL ≥ 1."""
    from sklearn.metrics import roc_curve  # noqa: PLC0415 - takes seconds to load, and only images need it

    figure, axes = _canvas("Receiver operating characteristic")
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for level, colour in ((2, INK), (1, SECOND)):
        positive = truth >= level
        if positive.all() or not positive.any():
            continue
        score = probabilities[:, level:].sum(axis=1)
        misses, hits, _ = roc_curve(positive, score)
        area = auc(np.ones((1, len(truth))), score, positive)[0]
        axes.plot(misses, hits, color=colour, label=f"KL ≥ {level}: area {area:.3f}")
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")
    _save(figure, path)


def draw_reliability(probabilities: Floats, truth: Ints, path: Path) -> None:
    """Share of right grades in each bin of confidence; on the diagonal the confidence means what it says."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == truth).astype(float)
    place = confidence_bin(confidence)
    count = np.bincount(place, minlength=BINS).astype(float)
    share = np.nan_to_num(ratio(np.bincount(place, weights=right, minlength=BINS).astype(float), count))
    figure, axes = _canvas("Reliability")
    axes.bar((np.arange(BINS) + 0.5) / BINS, share, width=0.9 / BINS, color=INK, label="share of right grades")
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1)
    axes.plot((np.arange(BINS) + 0.5) / BINS, count / max(count.max(), 1), color=SECOND, label="knees (relative)")
    axes.set_xlabel("confidence")
    axes.set_ylim(0, 1)
    axes.legend(loc="upper left")
    _save(figure, path)


def draw_coverage(curve: Sequence[Coverage], chosen: Coverage | None, path: Path) -> None:
    """What share of knees needs no review, and how often their grade is right."""
    figure, axes = _canvas("Coverage against accuracy")
    axes.plot([point.coverage for point in curve], [point.accuracy for point in curve], color=INK)
    if chosen is not None:
        label = f"chosen: confidence ≥ {chosen.confidence:.2f}, agreement ≥ {chosen.agreement:.2f}"
        axes.plot(chosen.coverage, chosen.accuracy, "o", color=SECOND, label=label)
        axes.legend(loc="lower left", fontsize=8)
    axes.set_xlabel("share of knees graded without review")
    axes.set_ylabel("share of those whose grade is right")
    axes.set_xlim(0, 1)
    _save(figure, path)


def _canvas(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 4.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
