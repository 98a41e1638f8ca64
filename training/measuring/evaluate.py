"""Measures a release on labelled knees, through the worker's own reading, preparation and grader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import Picture
from koa_worker.values import GRADE_WORDS, GRADES, Grade

from ..data.crops import Crop
from . import plots
from .confidence import Coverage, trace_coverage
from .figures import Figures, Floats, Ints, measure
from .words import OVERALL_WORDS


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """The answers of a release for a set of knees, and the true grades."""

    grades: tuple[Grade, ...]
    truth: Ints
    subjects: tuple[str, ...]

    @property
    def probabilities(self) -> Floats:
        return np.array([grade.probabilities for grade in self.grades], dtype=np.float64)

    @property
    def kl(self) -> Ints:
        return np.array([grade.kl for grade in self.grades], dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.kl == self.truth, dtype=np.bool_)

    def figures(self) -> Figures:
        return measure(self.probabilities, self.truth, self.subjects, given=self.kl)

    def review(self) -> Coverage:
        """The share of knees without a review, and the accuracy on those."""
        kept = np.array([not grade.needs_review for grade in self.grades])
        accuracy = float(self.right[kept].mean()) if kept.any() else 0.0
        return Coverage(0.0, 0.0, float(kept.mean()), accuracy)


def grade_all(
    grader: Grader, crops: Iterable[Crop], change: Callable[[Picture], Picture] | None = None, *, quiet: bool = True
) -> Graded:
    """Grades every crop; `change` alters the prepared image first."""
    crops = list(crops)
    pictures = (crop.picture if change is None else change(crop.picture) for crop in crops)
    steps = track(pictures, "grading", total=len(crops), console=Console(stderr=True), disable=quiet)
    grades = tuple(grader.grade(picture)[0] for picture in steps)
    return Graded(grades, np.array([crop.kl for crop in crops], dtype=np.int64), tuple(crop.subject for crop in crops))


def as_dict(model: str, graded: Graded, figures: Figures) -> dict[str, Any]:
    """The output of `--json`."""
    review = graded.review()
    return {
        "model": model,
        **figures.as_dict(),
        "review": {"coverage": round(review.coverage, 4), "accuracy": round(review.accuracy, 4)},
    }


def tables(model: str, figures: Figures) -> tuple[Table, ...]:
    """All figures for a person, narrow enough for a terminal of 80 columns."""
    title = f"{model}: {figures.knees} knees of {figures.subjects} subjects"
    overall = _table(title, "figure", "value (95 % interval)")
    for name, words in OVERALL_WORDS.items():
        overall.add_row(words, str(figures.overall[name]))
    by_grade = _table("By true grade", "grade", "knees", "precision", "recall", "F1")
    confusion = _table("Grades given", "true grade", *(str(grade) for grade in GRADES))
    for grade in GRADES:
        name, row = f"{grade} {GRADE_WORDS[grade]}", figures.confusion[grade]
        scores = (figures.by_grade[score][grade].short() for score in ("precision", "recall", "f1"))
        by_grade.add_row(name, f"{sum(cell.value for cell in row):.0f}", *scores)
        confusion.add_row(name, *(f"{cell.value:.0f} ({cell.low:.0f}–{cell.high:.0f})" for cell in row))
    return overall, by_grade, confusion


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def draw(graded: Graded, figures: Figures, folder: Path) -> None:
    """The four images of an evaluation."""
    confidence = np.array([grade.confidence for grade in graded.grades])
    plots.draw_confusion(figures, folder / "confusion.png")
    plots.draw_roc(graded.probabilities, graded.truth, folder / "roc.png")
    plots.draw_reliability(graded.probabilities, graded.truth, folder / "reliability.png")
    plots.draw_coverage(trace_coverage(confidence, graded.right), graded.review(), folder / "coverage.png")
