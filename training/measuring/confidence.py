"""Calibration on validation: the temperature that calibrates confidences, and the thresholds for a review.

Both are chosen on validation knees only, and are in the release's manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GRADES

from .figures import Floats, Ints

Flags = NDArray[np.bool_]
Combine = Callable[[Floats, float], Floats]  # logits (knee × member·view × grade), temperature → (knee × grade)

TEMPERATURES = np.geomspace(0.25, 4.0, 241)  # steps of 1.2 %: finer than any validation set can distinguish
TARGET_ACCURACY = 0.80
LEAST_COVERAGE = 0.30


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result of a pair of thresholds: knees at or above both need no review."""

    confidence: float
    agreement: float
    coverage: float
    accuracy: float

    def as_dict(self) -> dict[str, float]:
        return {key: round(value, 4) for key, value in asdict(self).items()}


def negative_log_likelihood(probabilities: Floats, truth: Ints) -> float:
    said = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(said, 1e-12)).mean())


def find_temperature(logits: Floats, truth: Ints, combine: Combine) -> float:
    """The temperature with the least negative log likelihood of the worker's own `combine`.

    It is a grid search: the curve has one flat minimum, and a grid cannot diverge on a tiny set.
    """
    losses = [negative_log_likelihood(combine(logits, float(t)), truth) for t in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def prior_bias(truth: Ints, share: float) -> Floats:
    """The bias to add to the logits to restore a share of the grades' frequencies.

    Sampling rare grades more often has removed it from the networks. The share is one number: free numbers for each
    grade would fit the noise of a few hundred knees.
    """
    frequency = np.log(np.maximum(np.bincount(truth, minlength=len(GRADES)), 1))
    return np.asarray((share * (frequency - frequency.mean())).round(4))


def trace_coverage(confidence: Floats, right: Flags) -> tuple[Coverage, ...]:
    """Coverage and accuracy for each possible confidence threshold, in rising order."""
    order = np.argsort(-confidence, kind="stable")
    ranked, hits = confidence[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.diff(ranked, append=-np.inf))  # equal confidences are on the same side of a threshold
    count = len(confidence)
    return tuple(
        Coverage(float(ranked[end]), 0.0, (end + 1) / count, float(hits[end]) / (end + 1)) for end in reversed(ends)
    )


def choose_review(
    confidence: Floats, agreement: Floats, right: Flags, doubtful: Flags, target: float = TARGET_ACCURACY
) -> Coverage:
    """The thresholds with the fewest reviews, if the share `target` of the grades without a review is right.

    `doubtful` are knees that the grader sends to review with any confidence. If no threshold reaches the target on at
    least 30 % of the knees, the network is not good enough for it; then the half with the higher confidence needs no
    review, and the release's figures give the share of right grades.
    """
    offers = [
        offer for least in np.unique(agreement) for offer in _offers(confidence, right, ~doubtful, agreement, least)
    ]
    if not offers:
        return Coverage(1.0, 1.0, 0.0, 0.0)
    good = [offer for offer in offers if offer.accuracy >= target and offer.coverage >= LEAST_COVERAGE]
    if good:
        return _rounded_down(max(good, key=lambda offer: offer.coverage))
    return _rounded_down(min(offers, key=lambda offer: (abs(offer.coverage - 0.5), -offer.accuracy)))


def _offers(confidence: Floats, right: Flags, usable: Flags, agreement: Floats, least: float) -> Iterator[Coverage]:
    """All confidence thresholds with one threshold of agreement."""
    kept = usable & (agreement >= least)
    for point in trace_coverage(confidence[kept], right[kept]) if kept.any() else ():
        yield replace(point, agreement=float(least), coverage=float(kept.mean()) * point.coverage)


def _rounded_down(point: Coverage) -> Coverage:
    """The thresholds, rounded down as in the manifest, so that the knee that set them stays above."""
    down = {name: float(np.floor(getattr(point, name) * 1e4) / 1e4) for name in ("confidence", "agreement")}
    return Coverage(down["confidence"], down["agreement"], point.coverage, point.accuracy)
