"""The whole rule when a person should review a graded knee. Its sentences are in `report/words.py`.

The reasons come from the frame, from the image of the knee, and from the model's predictions. The limits for the
predictions belong to the release, those for strangeness to the gate of the release; the others are here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.familiar import Familiar, Impression, Kind
from koa_worker.knee.grading.metal import Metal
from koa_worker.knee.grading.release import Review
from koa_worker.values import KneeRoi, Radiograph, ReviewCode, ReviewReason

SLIGHTLY_MISSING = 0.05  # of the plateau's width: a compartment lacks a tenth
ADULT_YEARS = 18  # the model was trained on adults' knees only
NO_METAL = Metal()
FAR_APART = 2  # grades between two predictions for the same knee
_OF_PROBABILITIES = (ReviewCode.LOW_CONFIDENCE, ReviewCode.BORDERLINE)
_LAST = (ReviewCode.LOW_CONFIDENCE, ReviewCode.LOW_AGREEMENT, ReviewCode.DISAGREEMENT, ReviewCode.BORDERLINE)


def of_frame(radiograph: Radiograph, *, other_knee_found: bool) -> tuple[ReviewReason, ...]:
    """Reasons that hold for every knee of a frame: the patient is a minor, or the other leg shows no knee."""
    minor = [ReviewReason(ReviewCode.MINOR, age, ADULT_YEARS) for age in _ages(radiograph) if age < ADULT_YEARS]
    alone = () if other_knee_found else (ReviewReason(ReviewCode.OTHER_KNEE_NOT_FOUND),)
    return (*minor[:1], *alone)


def _ages(radiograph: Radiograph) -> list[float]:
    """The age in years from the header, and the age from birth date and study date; they may disagree."""
    patient, taken = radiograph.patient, radiograph.study.date
    ages = [] if patient.age_years is None else [patient.age_years]
    if patient.birth_date is not None and taken is not None and patient.birth_date <= taken.date():
        born, day = patient.birth_date, taken.date()
        ages.append(float(day.year - born.year - ((day.month, day.day) < (born.month, born.day))))
    return ages


def of_picture(
    roi: KneeRoi, impression: Impression | None, familiar: Familiar | None, metal: Metal = NO_METAL
) -> tuple[ReviewReason, ...]:
    """Reasons from the image of a knee: it is unusual, but good enough to be graded."""
    reasons = [ReviewReason(ReviewCode.POSSIBLE_METAL, metal.evidence)] if metal.suspected else []
    if impression is None or familiar is None:
        reasons.append(ReviewReason(ReviewCode.NOT_CHECKED))
    elif impression.strangeness > familiar.doubtful:
        like_implant = impression.strangeness > familiar.strange and impression.kind is Kind.IMPLANT
        code = ReviewCode.LIKE_IMPLANT if like_implant else ReviewCode.UNUSUAL
        reasons.append(ReviewReason(code, float(impression.strangeness), float(familiar.doubtful)))
    if roi.missing > SLIGHTLY_MISSING:
        reasons.append(ReviewReason(ReviewCode.CUT_OFF, float(roi.missing), SLIGHTLY_MISSING))
    if roi.turned:
        reasons.append(ReviewReason(ReviewCode.TURNED, 90 * roi.turned))
    return tuple(reasons)


def of_votes(kl: int, votes: NDArray[np.intp], review: Review) -> tuple[ReviewReason, ...]:
    """Reasons from the model's predictions (`votes`): one grade for each view of each member."""
    agreeing, looks = int((votes == kl).sum()), len(votes)
    lowest, highest = int(votes.min()), int(votes.max())
    reasons = []
    if agreeing / looks < review.agreement:
        reasons.append(ReviewReason(ReviewCode.LOW_AGREEMENT, agreeing, looks))
    if highest - lowest >= FAR_APART:
        reasons.append(ReviewReason(ReviewCode.DISAGREEMENT, lowest, highest))
    return tuple(reasons)


def of_probabilities(kl: int, probabilities: NDArray[np.float64], review: Review) -> tuple[ReviewReason, ...]:
    """Reasons from the probabilities, which are on the site's scale if there is one."""
    confidence, osteoarthritis = float(probabilities[kl]), float(probabilities[2:].sum())
    reasons = []
    if confidence < review.confidence:
        reasons.append(ReviewReason(ReviewCode.LOW_CONFIDENCE, confidence, review.confidence))
    if abs(osteoarthritis - 0.5) < review.borderline or (kl >= 2) != (osteoarthritis >= 0.5):
        reasons.append(ReviewReason(ReviewCode.BORDERLINE, osteoarthritis, review.borderline))
    return tuple(reasons)


def together(
    known: tuple[ReviewReason, ...], of_these_probabilities: tuple[ReviewReason, ...]
) -> tuple[ReviewReason, ...]:
    """All reasons in the common order; reasons from earlier probabilities are replaced."""
    kept = [reason for reason in known if reason.code not in _OF_PROBABILITIES]
    reasons = [*kept, *of_these_probabilities]
    return tuple(sorted(reasons, key=lambda one: _LAST.index(one.code) if one.code in _LAST else -1))


def rule_of_votes(review: Review, looks: int) -> str:
    """The last part of the rule as a sentence for the model card; one look agrees with itself."""
    votes = f" or an agreement of {review.agreement:.2f} among the looks, when two looks differ by two grades"
    rule = f"A knee is marked for review below a confidence of {review.confidence:.2f}{votes if looks > 1 else ''}"
    return f"{rule}, or when P(KL ≥ 2) is within {review.borderline:.2f} of 0.5 or contradicts the grade."
