"""How well grades and probabilities agree with the readers', each figure with its interval by subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koa_worker.calibration.fit import Ints, ReadKnees, log_loss
from koa_worker.knee.grading.site import Floats
from koa_worker.values import GRADES

ROUNDS = 1000
_MIDDLE = (0.025, 0.975)
_N = len(GRADES)
_AS_WELL = 0.01  # of kappa
_BINS = 5  # of a reliability: few, as there are few knees


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the middle 95 % of what it would be with other subjects."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        return [round(number, 4) for number in (self.value, self.low, self.high)]

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Figures:
    """The same four for the release and for the site's scale."""

    accuracy: Estimate
    kappa: Estimate  # with quadratic weights
    error: Estimate  # mean distance in grades
    loss: Estimate  # mean log loss

    def as_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy.as_list(),
            "quadratic_kappa": self.kappa.as_list(),
            "mean_absolute_error": self.error.as_list(),
            "log_loss": self.loss.as_list(),
        }


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the site's scale is better on the same knees; above nought is better."""

    loss: Estimate
    kappa: Estimate

    @property
    def is_one(self) -> bool:
        """The probabilities are surely better, and the grades agree as well: readers who only scatter need no scale."""
        return self.loss.low > 0 and self.kappa.value > -_AS_WELL


def measure(knees: ReadKnees, probabilities: Floats, rounds: int = ROUNDS) -> Figures:
    """Of these answers for the knees."""
    given, loss = probabilities.argmax(axis=1), log_loss(probabilities, knees.kl)
    off = np.abs(given - knees.kl)
    draws = draw_subjects(knees.subjects, rounds)
    return Figures(
        accuracy=_estimate(draws, lambda weights: _mean(weights, given == knees.kl)),
        kappa=_estimate(draws, lambda weights: kappa(confusion(knees.kl, given, weights))),
        error=_estimate(draws, lambda weights: _mean(weights, off)),
        loss=_estimate(draws, lambda weights: _mean(weights, loss)),
    )


def compare(knees: ReadKnees, probabilities: Floats, rounds: int = ROUNDS) -> Gain:
    """These answers against the release's own, in the same draws of subjects."""
    old, new = knees.probabilities.argmax(axis=1), probabilities.argmax(axis=1)
    gained = log_loss(knees.probabilities, knees.kl) - log_loss(probabilities, knees.kl)

    def kappas(weights: Floats) -> Floats:
        both = (kappa(confusion(knees.kl, given, weights)) for given in (new, old))
        return next(both) - next(both)

    draws = draw_subjects(knees.subjects, rounds)
    return Gain(_estimate(draws, lambda weights: _mean(weights, gained)), _estimate(draws, kappas))


def agreement_of_pairs(pairs: Ints, subjects: NDArray[np.str_], rounds: int = ROUNDS) -> tuple[Estimate, Estimate]:
    """Accuracy and kappa of two grades of the same knees: pair × 2."""
    draws = draw_subjects(subjects, rounds)
    same = pairs[:, 0] == pairs[:, 1]
    kappas = _estimate(draws, lambda weights: kappa(confusion(pairs[:, 0], pairs[:, 1], weights)))
    return _estimate(draws, lambda weights: _mean(weights, same)), kappas


def draw_subjects(subjects: NDArray[np.str_], rounds: int, seed: int = 0) -> Floats:
    """Round × knee: first each knee once, then how often its subject was drawn with replacement."""
    names, place = np.unique(subjects, return_inverse=True)
    people = len(names)
    counts = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=rounds)
    return np.vstack([np.ones(len(subjects)), counts[:, place]])


def confusion(truth: Ints, given: Ints, weights: Floats | None = None) -> Floats:
    """(Round ×) the readers' grade × the given grade."""
    cells = np.eye(_N * _N)[truth * _N + given]
    counted: Floats = cells.sum(axis=0) if weights is None else weights @ cells
    return counted.reshape(*counted.shape[:-1], _N, _N)


def kappa(cells: Floats) -> Floats:
    """Cohen's kappa with quadratic weights; 0 where there is nothing to agree on."""
    distance = np.subtract.outer(np.arange(_N), np.arange(_N)) ** 2
    total = cells.sum(axis=(-2, -1))
    by_chance = cells.sum(axis=-1)[..., :, None] * cells.sum(axis=-2)[..., None, :]
    expected = (by_chance * distance).sum(axis=(-2, -1)) / np.maximum(total, 1)
    found = (cells * distance).sum(axis=(-2, -1))
    return np.where(expected > 0, 1 - found / np.where(expected > 0, expected, 1.0), 0.0)


def reliability(probabilities: Floats, kl: Ints) -> list[tuple[float, float, int]]:
    """Said and found share of knees with KL ≥ 2, and how many there are, in bins of like size."""
    said, found = probabilities[:, 2:].sum(axis=1), kl >= 2
    parts = np.array_split(np.argsort(said, kind="stable"), min(_BINS, len(said)))
    return [(float(said[part].mean()), float(found[part].mean()), len(part)) for part in parts]


def _mean(weights: Floats, values: np.ndarray[Any, Any]) -> Floats:
    return np.asarray(weights @ values / weights.sum(axis=1), np.float64)


def _estimate(draws: Floats, figure: Callable[[Floats], Floats]) -> Estimate:
    found = figure(draws)
    low, high = np.quantile(found[1:], _MIDDLE)
    return Estimate(float(found[0]), float(low), float(high))
