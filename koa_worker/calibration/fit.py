"""The fit of a site's scale: one slope and four ordered shifts. A penalty keeps them near the release's own scale.

The likelihood of the grades is concave in these five numbers and the order is a bound on them, so that a projected
Newton step finds the single best answer in a few rounds. A grade may be a typing error: a small share of all grades is
assumed to be random, so that one extreme grade has little effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.site import LEAST_SLOPE, Floats, SiteScale, log_odds
from koa_worker.values import GRADES

Ints = NDArray[np.int64]

PENALTIES = (1.0, 3.0, 10.0, 30.0)  # candidates: the cost of a shift by one, in halves of a log-likelihood
DIGITS = 4  # decimals of the five numbers in the file
_FOLDS = 5
_ROUNDS = 60
_ENOUGH = 1e-6  # the fit ends when a round improves the objective by less
_TYPING_ERRORS = 0.02  # assumed share of the grades
_LEAST = 1e-9

# The five unknowns are the slope, the first shift, and how much each further shift lies below the one before.
_SHIFT_OF = np.array([[0, 1, *(-float(step <= k) for step in (1, 2, 3))] for k in range(4)])  # k counts from P(KL ≥ 1)
_START = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
_BOUNDS = np.array([LEAST_SLOPE, -np.inf, 0.0, 0.0, 0.0])
_DISTANCE = np.vstack([[2.0, 0, 0, 0, 0], _SHIFT_OF])  # a slope changed by a half costs as much as a shift by one


@dataclass(frozen=True, slots=True, eq=False)
class ReadKnees:
    """Knees that both the release and the site's readers graded."""

    probabilities: Floats  # knee × grade, of the release
    kl: Ints  # the readers'
    subjects: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.kl)

    def __getitem__(self, chosen: NDArray[np.bool_] | Ints) -> ReadKnees:
        return ReadKnees(self.probabilities[chosen], self.kl[chosen], self.subjects[chosen])


def fit(knees: ReadKnees, penalty: float) -> SiteScale:
    """The scale with the highest likelihood of the readers' grades, minus the penalty for its distance."""
    objective = _Objective.of(knees, penalty)
    at = _START
    value = objective.value(at)
    for _ in range(_ROUNDS):
        step = objective.step(at)
        for halvings in range(20):
            new = np.maximum(at + step * 0.5**halvings, _BOUNDS)
            gained = value - objective.value(new)
            if gained > 0:
                break
        else:
            break
        at, value = new, value - gained
        if gained < _ENOUGH:
            break
    b1, b2, b3, b4 = np.round(_SHIFT_OF @ at, DIGITS).tolist()
    return SiteScale(round(float(at[0]), DIGITS), (b1, b2, b3, b4))


def choose_penalty(knees: ReadKnees, seed: int = 0) -> float:
    """The penalty with which the grades of other subjects' knees are most likely."""
    losses = np.zeros(len(PENALTIES))
    for held in folds(knees.subjects, _FOLDS, seed):
        for index, penalty in enumerate(PENALTIES):
            losses[index] += log_loss(fit(knees[~held], penalty).apply(knees[held].probabilities), knees[held].kl).sum()
    return PENALTIES[int(np.argmin(losses))]


def fit_best(knees: ReadKnees, seed: int = 0) -> tuple[SiteScale, float]:
    """The scale, and its penalty, which is chosen from these knees alone."""
    penalty = choose_penalty(knees, seed)
    return fit(knees, penalty), penalty


def folds(subjects: Sequence[str] | NDArray[np.str_], count: int, seed: int) -> list[NDArray[np.bool_]]:
    """Random parts of the knees; no subject is in two of them."""
    names, places = np.unique(np.asarray(subjects), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    part = order[places] % min(count, len(names))
    return [part == number for number in range(min(count, len(names)))]


def log_loss(probabilities: Floats, kl: Ints) -> Floats:
    """The loss of each knee; an assumed share of typing errors limits the effect of one extreme grade."""
    said = probabilities[np.arange(len(kl)), kl]
    return np.asarray(-np.log((1 - _TYPING_ERRORS) * said + _TYPING_ERRORS / len(GRADES)))


@dataclass(frozen=True, slots=True, eq=False)
class _Objective:
    """The objective that the fit minimises: a function of the five parameters, with its Newton step."""

    here: Floats  # knee × unknown: the coefficients of the log odds of P(KL ≥ grade)
    below: Floats  # and of P(KL > grade)
    kl: Ints
    penalty: float

    @classmethod
    def of(cls, knees: ReadKnees, penalty: float) -> _Objective:
        odds = log_odds(knees.probabilities)
        rows = np.zeros((len(odds), 6, 5))
        rows[:, 1:5] = _SHIFT_OF
        rows[:, 1:5, 0] = odds
        knee = np.arange(len(odds))
        return cls(rows[knee, knees.kl], rows[knee, knees.kl + 1], knees.kl, penalty)

    def value(self, at: Floats) -> float:
        said, *_ = self._said(at)
        likely = np.log((1 - _TYPING_ERRORS) * said + _TYPING_ERRORS / len(GRADES)).sum()
        return float(-likely + self.penalty / 2 * ((_DISTANCE @ (at - _START)) ** 2).sum())

    def step(self, at: Floats) -> Floats:
        """The Newton step for the unknowns that are not at their bounds."""
        said, upper, lower = self._said(at)
        here, below = self.here, self.below
        meant = (1 - _TYPING_ERRORS) * said / ((1 - _TYPING_ERRORS) * said + _TYPING_ERRORS / len(GRADES))
        du, dl = upper * (1 - upper), lower * (1 - lower)
        ups, downs = du / said, dl / said
        slope = (meant * ups) @ here - (meant * downs) @ below
        curve_up = meant * (ups**2 - du * (1 - 2 * upper) / said)
        curve_down = meant * (downs**2 + dl * (1 - 2 * lower) / said)
        across = (here * (meant * ups * downs)[:, None]).T @ below
        curve = (here * curve_up[:, None]).T @ here + (below * curve_down[:, None]).T @ below - across - across.T
        pull = self.penalty * _DISTANCE.T @ _DISTANCE
        slope, curve = slope - pull @ (at - _START), curve + pull
        free = ~((at <= _BOUNDS) & (slope <= 0))
        step = np.zeros(5)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        return step

    def _said(self, at: Floats) -> tuple[Floats, Floats, Floats]:
        """The probability of each knee's grade, P(KL ≥ grade) and P(KL > grade)."""
        upper = np.where(self.kl == GRADES[0], 1.0, 1 / (1 + np.exp(-self.here @ at)))
        lower = np.where(self.kl == GRADES[-1], 0.0, 1 / (1 + np.exp(-self.below @ at)))
        return np.maximum(upper - lower, _LEAST), upper, lower
