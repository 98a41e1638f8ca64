"""The agreement of grades and probabilities with the readers' grades; each figure has its interval by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from koa_worker.calibration.fit import Ints, ReadKnees, log_loss
from koa_worker.knee.grading.site import Floats
from koa_worker.watch.agreement import ROUNDS, Estimate, confusion, draw_subjects, estimate, kappa, mean

_AS_WELL = 0.01  # of kappa
_BINS = 5  # bins of the reliability: few, because there are few knees


@dataclass(frozen=True, slots=True)
class Figures:
    """Four figures of agreement, measured in the same way for the release and for the site's scale."""

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
    """The improvement by the site's scale on the same knees; above 0 is better."""

    loss: Estimate
    kappa: Estimate

    @property
    def is_one(self) -> bool:
        """Whether the probabilities are certainly better, and the grades not worse: mere scatter needs no scale."""
        return self.loss.low > 0 and self.kappa.value > -_AS_WELL


def measure(knees: ReadKnees, probabilities: Floats, rounds: int = ROUNDS) -> Figures:
    """The figures of these answers for the knees."""
    given, loss = probabilities.argmax(axis=1), log_loss(probabilities, knees.kl)
    off = np.abs(given - knees.kl)
    draws = draw_subjects(knees.subjects, rounds)
    return Figures(
        accuracy=estimate(draws, lambda weights: mean(weights, given == knees.kl)),
        kappa=estimate(draws, lambda weights: kappa(confusion(knees.kl, given, weights))),
        error=estimate(draws, lambda weights: mean(weights, off)),
        loss=estimate(draws, lambda weights: mean(weights, loss)),
    )


def compare(knees: ReadKnees, probabilities: Floats, rounds: int = ROUNDS) -> Gain:
    """Compares these answers with the release's own, in the same draws of subjects."""
    old, new = knees.probabilities.argmax(axis=1), probabilities.argmax(axis=1)
    gained = log_loss(knees.probabilities, knees.kl) - log_loss(probabilities, knees.kl)

    def kappas(weights: Floats) -> Floats:
        both = (kappa(confusion(knees.kl, given, weights)) for given in (new, old))
        return next(both) - next(both)

    draws = draw_subjects(knees.subjects, rounds)
    return Gain(estimate(draws, lambda weights: mean(weights, gained)), estimate(draws, kappas))


def reliability(probabilities: Floats, kl: Ints) -> list[tuple[float, float, int]]:
    """The predicted and the observed share of knees with KL ≥ 2, and their number, in bins of about equal size."""
    said, found = probabilities[:, 2:].sum(axis=1), kl >= 2
    parts = np.array_split(np.argsort(said, kind="stable"), min(_BINS, len(said)))
    return [(float(said[part].mean()), float(found[part].mean()), len(part)) for part in parts]
