"""Figures of merit with 95 % intervals, bootstrapped over subjects.

Two knees of one person are not two independent observations, so that a bootstrap round draws persons with all their
knees. Every figure is written for a matrix of weights (round × knee): the value itself is the round in which each knee
has the weight 1, and a thousand rounds are one matrix product instead of a thousand loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GRADES
from koa_worker.watch.agreement import kappa_or_nan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 1000
BINS = 15
COVERAGE = 0.95
N = len(GRADES)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; not a number if the data have no case for it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"

    def short(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"

    def as_dict(self) -> dict[str, float | None]:
        return {key: None if math.isnan(value) else round(value, 5) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one model on one set of knees."""

    knees: int
    subjects: int
    overall: dict[str, Estimate]
    by_grade: dict[str, tuple[Estimate, ...]]  # precision, recall, f1; "support" is in the confusion matrix
    confusion: tuple[tuple[Estimate, ...], ...]  # row: true grade, column: given grade

    def as_dict(self) -> dict[str, Any]:
        return {
            "knees": self.knees,
            "subjects": self.subjects,
            **{name: figure.as_dict() for name, figure in self.overall.items()},
            **{name: [figure.as_dict() for figure in row] for name, row in self.by_grade.items()},
            "confusion": [[figure.as_dict() for figure in row] for row in self.confusion],
        }


def measure(
    probabilities: Floats,
    truth: Ints,
    subjects: Sequence[str],
    *,
    given: Ints | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Figures:
    """All figures; `given` are the grades if they are not the most probable ones."""
    given = probabilities.argmax(axis=1) if given is None else given
    plain, drawn = np.ones((1, len(truth))), draw_subjects(subjects, rounds, seed)

    def both(figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        return figure(plain), figure(drawn)

    overall, by_grade, counts = _from_grades(*both(lambda weights: confusion(weights, truth, given)))
    for level in (2, 1):
        score = probabilities[:, level:].sum(axis=1)
        for name, figure in _binary(score, truth >= level).items():
            overall[f"kl{level}_{name}"] = _estimate(*both(figure))
    overall["ece"] = _around(*both(lambda weights: calibration_error(weights, probabilities, truth)))
    return Figures(len(truth), len(set(subjects)), overall, by_grade, counts)


def draw_subjects(subjects: Sequence[str], rounds: int, seed: int) -> Floats:
    """Round × knee: the number of times that the knee's subject was drawn, with replacement."""
    _, place = np.unique(np.asarray(subjects, dtype=np.str_), return_inverse=True)
    people = int(place.max()) + 1
    counts = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=rounds)
    return counts[:, place].astype(np.float64)


def confusion(weights: Floats, truth: Ints, given: Ints) -> Floats:
    """Round × true grade × given grade."""
    cells: Floats = np.eye(N * N)[truth * N + given]
    return np.asarray(weights @ cells, dtype=np.float64).reshape(len(weights), N, N)


def accuracy(cells: Floats) -> Floats:
    return ratio(np.trace(cells, axis1=1, axis2=2), cells.sum(axis=(1, 2)))


def recall(cells: Floats) -> Floats:
    return ratio(np.diagonal(cells, axis1=1, axis2=2), cells.sum(axis=2))


def precision(cells: Floats) -> Floats:
    return ratio(np.diagonal(cells, axis1=1, axis2=2), cells.sum(axis=1))


def f1(cells: Floats) -> Floats:
    """2·TP / (2·TP + FP + FN): 0, not undefined, if a grade exists but is never given."""
    return ratio(2 * np.diagonal(cells, axis1=1, axis2=2), cells.sum(axis=1) + cells.sum(axis=2))


def mean_absolute_error(cells: Floats) -> Floats:
    distance = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    return ratio((cells * distance).sum(axis=(1, 2)), cells.sum(axis=(1, 2)))


def auc(weights: Floats, score: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Area under the ROC curve: the weight of correctly ranked pairs; equal scores count half."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    ranked, is_positive = weights[:, order], positive[order]
    ups = np.add.reduceat(ranked * is_positive, starts, axis=1)
    downs = np.add.reduceat(ranked * ~is_positive, starts, axis=1)
    rightly = (ups * (np.cumsum(downs, axis=1) - downs / 2)).sum(axis=1)
    return ratio(rightly, ups.sum(axis=1) * downs.sum(axis=1))


def calibration_error(weights: Floats, probabilities: Floats, truth: Ints) -> Floats:
    """Expected calibration error: 15 equal bins of confidence, mean |confidence − share right| by weight."""
    confidence = probabilities.max(axis=1)
    surplus = confidence - (probabilities.argmax(axis=1) == truth)
    gaps = weights @ (np.eye(BINS)[confidence_bin(confidence)] * surplus[:, None])
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def confidence_bin(confidence: Floats) -> Ints:
    """The bin of each confidence, of the 15 bins (0, 1/15], … (14/15, 1]."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def ratio(above: Floats, below: Floats) -> Floats:
    """Division that gives not-a-number, without a warning, if the divisor is 0."""
    below = np.broadcast_to(below, np.shape(above))
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0), np.float64)


def _from_grades(
    plain: Floats, drawn: Floats
) -> tuple[dict[str, Estimate], dict[str, tuple[Estimate, ...]], tuple[tuple[Estimate, ...], ...]]:
    """All figures from the confusion matrix: `plain` gives the values, `drawn` the intervals."""
    overall = {
        "accuracy": accuracy,
        "balanced_accuracy": lambda cells: _mean_present(recall(cells)),
        "macro_f1": lambda cells: _mean_present(f1(cells)),
        "quadratic_kappa": kappa_or_nan,
        "mae": mean_absolute_error,
    }
    by_grade = {"precision": precision, "recall": recall, "f1": f1}
    return (
        {name: _estimate(figure(plain), figure(drawn)) for name, figure in overall.items()},
        {
            name: tuple(_estimate(figure(plain)[:, grade], figure(drawn)[:, grade]) for grade in GRADES)
            for name, figure in by_grade.items()
        },
        tuple(tuple(_estimate(plain[:, row, column], drawn[:, row, column]) for column in GRADES) for row in GRADES),
    )


def _binary(score: Floats, positive: NDArray[np.bool_]) -> dict[str, Callable[[Floats], Floats]]:
    """Figures of a binary decision: yes if the probability is at least one half."""
    said = score >= 0.5
    right = said == positive
    return {
        "auc": lambda weights: auc(weights, score, positive),
        "accuracy": lambda weights: ratio(weights @ right, weights.sum(axis=1)),
        "sensitivity": lambda weights: ratio(weights @ (right & positive), weights @ positive),
        "specificity": lambda weights: ratio(weights @ (right & ~positive), weights @ ~positive),
    }


def _mean_present(rows: Floats) -> Floats:
    """Mean over the grades that occur."""
    present = ~np.isnan(rows)
    return ratio(np.where(present, rows, 0.0).sum(axis=1), present.sum(axis=1))


def _estimate(plain: Floats, drawn: Floats) -> Estimate:
    """The value, and the middle 95 % of the rounds in which it is defined."""
    known = drawn[~np.isnan(drawn)]
    if math.isnan(plain[0]) or known.size == 0:
        return Estimate(math.nan, math.nan, math.nan)
    low, high = np.quantile(known, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(float(plain[0]), float(low), float(high))


def _around(plain: Floats, drawn: Floats) -> Estimate:
    """As `_estimate`, for a sum of absolute values, which noise can only raise.

    A round has the noise of its own drawing beside that of the knees, so that most rounds lie above the value. The mean
    surplus of all rounds is taken off.
    """
    surplus = np.nanmean(drawn) - plain[0] if np.isfinite(drawn).any() else math.nan
    return _estimate(plain, np.maximum(drawn - surplus, 0.0))
