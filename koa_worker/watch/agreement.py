"""How far two graders agree: the worker's only implementation of quadratic kappa, with its interval by subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GRADES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 1000
_MIDDLE = (0.025, 0.975)
_N = len(GRADES)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and its 95 % interval over other draws of subjects."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        return [round(number, 4) for number in (self.value, self.low, self.high)]

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def agreement_of_pairs(
    pairs: Ints, subjects: NDArray[np.str_], rounds: int = ROUNDS
) -> tuple[Estimate, Estimate | None]:
    """Accuracy and kappa of two grades of the same knees: pair × 2. There is no kappa if all grades are the same.

    Subjects with the same grades are drawn as one kind of subject, so that ten thousand cost no more than a hundred.
    """
    _, place = np.unique(subjects, return_inverse=True)
    of_subject = np.zeros((place.max() + 1, _N * _N), np.int64)
    np.add.at(of_subject, (place, pairs[:, 0] * _N + pairs[:, 1]), 1)
    kinds, people = np.unique(of_subject, axis=0, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(people.sum(), people / people.sum(), size=rounds)
    tables = (np.vstack([people, drawn]) @ kinds).reshape(-1, _N, _N).astype(np.float64)
    accuracy = np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))
    kappas = kappa_or_nan(tables)
    return _estimated(accuracy), None if np.isnan(kappas[0]) else _estimated(kappas)


def draw_subjects(subjects: NDArray[np.str_], rounds: int, seed: int = 0) -> Floats:
    """Weights (round × knee): in the first round 1 each, then the number of times that its subject was drawn."""
    names, place = np.unique(subjects, return_inverse=True)
    people = len(names)
    counts = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=rounds)
    return np.vstack([np.ones(len(subjects)), counts[:, place]])


def confusion(truth: Ints, given: Ints, weights: Floats | None = None) -> Floats:
    """The table of both grades: (round ×) first grade × second grade."""
    cells = np.eye(_N * _N)[truth * _N + given]
    counted: Floats = cells.sum(axis=0) if weights is None else weights @ cells
    return counted.reshape(*counted.shape[:-1], _N, _N)


def kappa(cells: Floats) -> Floats:
    """Cohen's kappa with quadratic weights; 0 where it is not defined."""
    found = kappa_or_nan(cells)
    return np.where(np.isnan(found), 0.0, found)


def kappa_or_nan(cells: Floats) -> Floats:
    """1 minus observed over expected squared differences; not a number if all grades are the same."""
    distance = np.subtract.outer(np.arange(_N), np.arange(_N)) ** 2
    total = cells.sum(axis=(-2, -1))
    by_chance = cells.sum(axis=-1)[..., :, None] * cells.sum(axis=-2)[..., None, :]
    expected = (by_chance * distance).sum(axis=(-2, -1)) / np.maximum(total, 1)
    found = (cells * distance).sum(axis=(-2, -1))
    return np.where(expected > 0, 1 - found / np.where(expected > 0, expected, 1.0), np.nan)


def mean(weights: Floats, values: np.ndarray[Any, Any]) -> Floats:
    return np.asarray(weights @ values / weights.sum(axis=1), np.float64)


def estimate(draws: Floats, figure: Callable[[Floats], Floats]) -> Estimate:
    """The figure of the given knees, and the middle 95 % of its values for the drawn subjects."""
    return _estimated(figure(draws))


def _estimated(found: Floats) -> Estimate:
    """The first value, and the middle 95 % of the others, some of which may be undefined."""
    low, high = np.nanquantile(found[1:], _MIDDLE) if not np.isnan(found[1:]).all() else found[[0, 0]]
    return Estimate(float(found[0]), float(low), float(high))
