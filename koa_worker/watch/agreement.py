"""How far two graders agree: the one quadratic kappa of the worker, with its interval by subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """A figure and the middle 95 % of what it would be with other subjects."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        return [round(number, 4) for number in (self.value, self.low, self.high)]

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def agreement_of_pairs(pairs: Ints, subjects: NDArray[np.str_], rounds: int = ROUNDS) -> tuple[Estimate, Estimate]:
    """Accuracy and kappa of two grades of the same knees: pair × 2."""
    draws = draw_subjects(subjects, rounds)
    same = pairs[:, 0] == pairs[:, 1]
    kappas = estimate(draws, lambda weights: kappa(confusion(pairs[:, 0], pairs[:, 1], weights)))
    return estimate(draws, lambda weights: mean(weights, same)), kappas


def draw_subjects(subjects: NDArray[np.str_], rounds: int, seed: int = 0) -> Floats:
    """Round × knee: first each knee once, then how often its subject was drawn with replacement."""
    names, place = np.unique(subjects, return_inverse=True)
    people = len(names)
    counts = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=rounds)
    return np.vstack([np.ones(len(subjects)), counts[:, place]])


def confusion(truth: Ints, given: Ints, weights: Floats | None = None) -> Floats:
    """(Round ×) the first grade × the second."""
    cells = np.eye(_N * _N)[truth * _N + given]
    counted: Floats = cells.sum(axis=0) if weights is None else weights @ cells
    return counted.reshape(*counted.shape[:-1], _N, _N)


def kappa(cells: Floats) -> Floats:
    """Cohen's kappa with quadratic weights; 0 where there is nothing to agree on."""
    found = kappa_or_nan(cells)
    return np.where(np.isnan(found), 0.0, found)


def quadratic_kappa(matrix: Sequence[Sequence[int]]) -> float | None:
    """The same of one table; None where it is not defined, as when all grades are the same."""
    found = float(kappa_or_nan(np.asarray(matrix, np.float64)))
    return None if np.isnan(found) else found


def kappa_or_nan(cells: Floats) -> Floats:
    """1 minus observed over expected squared differences; not a number where none is expected."""
    distance = np.subtract.outer(np.arange(_N), np.arange(_N)) ** 2
    total = cells.sum(axis=(-2, -1))
    by_chance = cells.sum(axis=-1)[..., :, None] * cells.sum(axis=-2)[..., None, :]
    expected = (by_chance * distance).sum(axis=(-2, -1)) / np.maximum(total, 1)
    found = (cells * distance).sum(axis=(-2, -1))
    return np.where(expected > 0, 1 - found / np.where(expected > 0, expected, 1.0), np.nan)


def mean(weights: Floats, values: np.ndarray[Any, Any]) -> Floats:
    return np.asarray(weights @ values / weights.sum(axis=1), np.float64)


def estimate(draws: Floats, figure: Callable[[Floats], Floats]) -> Estimate:
    """The figure of the knees as they are, and the middle 95 % of what the drawn subjects give."""
    found = figure(draws)
    low, high = np.quantile(found[1:], _MIDDLE)
    return Estimate(float(found[0]), float(low), float(high))
