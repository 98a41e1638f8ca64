"""Judges a site's scale by cross-validation: each knee is judged by a scale that was fitted without its subject.

The penalty is chosen again within each part, so that it does not depend on the judged knees either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koa_worker.calibration.figures import Figures, Gain, compare, measure
from koa_worker.calibration.fit import Ints, ReadKnees, fit_best, folds
from koa_worker.knee.grading.site import Floats, SiteScale
from koa_worker.watch.agreement import confusion, kappa

LEAST_KNEES = 30
_FOLDS = 10
_FEW = 60  # subjects: with up to this number, each is judged by a scale from all others, which depends less on chance
_SIZES = (10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1200)
_DRAWS = 12  # random draws of subjects to fit to, for each size
_FAR = 2  # distance in grades from the nearest likely grade
_UNLIKELY = 0.005  # probability below which a grade is suspicious


@dataclass(frozen=True, slots=True)
class Learnt:
    """The figures of a scale from this number of knees on the knees of other subjects, over several draws."""

    knees: int
    kappa: float
    low: float  # the worst tenth and the best tenth of the draws
    high: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A site's scale from all knees, and its figures from cross-validation."""

    site: SiteScale
    penalty: float
    probabilities: Floats  # of each knee, by a scale from other subjects
    before: Figures
    after: Figures
    gain: Gain
    curve: tuple[Learnt, ...]
    suspicious: tuple[int, ...]  # knees whose grade may be a typing error


def judge(knees: ReadKnees) -> Judgement:
    """The scale fitted to these knees, judged on unseen knees by cross-validation."""
    unseen = cross_validate(knees)
    site, penalty = fit_best(knees)
    return Judgement(
        site=site,
        penalty=penalty,
        probabilities=unseen,
        before=measure(knees, knees.probabilities),
        after=measure(knees, unseen),
        gain=compare(knees, unseen),
        curve=learning_curve(knees),
        suspicious=find_suspicious(unseen, knees.kl),
    )


def cross_validate(knees: ReadKnees, seed: int = 0) -> Floats:
    """The probabilities of each knee on the scale of the other parts."""
    unseen = np.zeros_like(knees.probabilities)
    people = len(np.unique(knees.subjects))
    for number, held in enumerate(folds(knees.subjects, people if people <= _FEW else _FOLDS, seed)):
        site, _ = fit_best(knees[~held], seed=number)
        unseen[held] = site.apply(knees[held].probabilities)
    return unseen


def learning_curve(knees: ReadKnees, seed: int = 0) -> tuple[Learnt, ...]:
    """The figures of fits to a growing number of subjects; the other subjects judge them."""
    random, curve = np.random.default_rng(seed), []
    names = np.unique(knees.subjects)
    for size in (size for size in _SIZES if size <= 0.8 * len(knees)):
        drawn = [_learn(knees, random.permutation(names), size) for _ in range(_DRAWS)]
        kappas, accuracies = np.array(drawn).T
        low, high = np.quantile(kappas, (0.1, 0.9))
        curve.append(Learnt(size, float(kappas.mean()), float(low), float(high), float(accuracies.mean())))
    return tuple(curve)


def _learn(knees: ReadKnees, order: np.ndarray[tuple[int], np.dtype[np.str_]], size: int) -> tuple[float, float]:
    """Kappa and accuracy on the other subjects after a fit to the first subjects, which have `size` knees."""
    places = {name: place for place, name in enumerate(order.tolist())}
    place = np.array([places[name] for name in knees.subjects.tolist()])
    last = np.sort(place, kind="stable")[size - 1]
    chosen = place <= last
    others = knees[~chosen]
    if not len(others):
        return 0.0, 0.0
    given = fit_best(knees[chosen])[0].apply(others.probabilities).argmax(axis=1)
    return float(kappa(confusion(others.kl, given))), float((given == others.kl).mean())


def find_suspicious(probabilities: Floats, kl: Ints) -> tuple[int, ...]:
    """The knees whose grade differs by two or more from the likely grade, and is very improbable."""
    given = probabilities.argmax(axis=1)
    tails = np.cumsum(probabilities, axis=1)
    at = np.arange(len(kl))
    as_low, as_high = tails[at, kl], 1 - tails[at, kl] + probabilities[at, kl]
    unlikely = np.minimum(as_low, as_high) < _UNLIKELY
    return tuple(np.flatnonzero((np.abs(given - kl) >= _FAR) & unlikely).tolist())
