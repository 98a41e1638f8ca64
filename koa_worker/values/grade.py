"""The grade of a knee, and the reasons why a person should review it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # processes that handle no pixels start without loading NumPy
    import numpy as np
    from numpy.typing import NDArray

GRADES = (0, 1, 2, 3, 4)
GRADE_WORDS = {0: "none", 1: "doubtful", 2: "minimal", 3: "moderate", 4: "severe"}


@dataclass(frozen=True, slots=True)
class GradedBy:
    """Which release of a model graded, and which version of this program."""

    model: str  # "name-vN"
    digest: str  # SHA-256 of the release's manifest
    software: str  # koa-worker's version
    site: str = ""  # digest of the site's scale, if the answers are on one


class ReviewCode(StrEnum):
    """Why a person should review a graded knee. The comments say what `value` and `limit` of such a reason are."""

    OTHER_KNEE_NOT_FOUND = "other_knee_not_found"  # neither
    MINOR = "minor"  # the age in years that the header says, and that of adults
    POSSIBLE_METAL = "possible_metal"  # the evidence, in log odds; no limit
    LIKE_IMPLANT = "like_implant"  # as for UNUSUAL: the model sees an implant, but no metal was found
    NOT_CHECKED = "not_checked"  # neither: the release cannot tell a knee from other images
    UNUSUAL = "unusual"  # how strange the image is, and the highest strangeness without a review
    CUT_OFF = "cut_off"  # the share of the joint's width beyond the edge, and the highest share without a review
    TURNED = "turned"  # by how many degrees anticlockwise; no limit
    LOW_CONFIDENCE = "low_confidence"  # the confidence, and the lowest one without a review
    LOW_AGREEMENT = "low_agreement"  # the number of predictions with this grade, and the number of all predictions
    DISAGREEMENT = "disagreement"  # the lowest and the highest grade among the predictions
    BORDERLINE = "borderline"  # P(KL ≥ 2), and the distance from one half below which it is too near
    IMAGES_DISAGREE = "images_disagree"  # the lowest and the highest grade of this knee among the study's images
    OTHER = "other"  # neither: a sentence of an earlier version, kept as it was


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """One reason to review a knee, without its sentence: `report/words.py` makes that."""

    code: ReviewCode
    value: float | None = None
    limit: float | None = None
    text: str = ""  # only for OTHER


Probabilities = tuple[float, float, float, float, float]  # of KL 0 to KL 4


@dataclass(frozen=True, slots=True)
class Grade:
    """The model's grade of one knee, with its confidence; on the site's scale if there is one."""

    kl: int
    probabilities: Probabilities
    confidence: float  # the probability of `kl`
    oa_probability: float  # P(KL ≥ 2)
    agreement: float | None  # share of the predictions that give the release's grade; None: there was only one
    review_reasons: tuple[ReviewReason, ...]
    model: str  # "name-vN"
    strangeness: float | None = None  # log odds against a knee like the training knees; None: the release has no gate
    release_probabilities: Probabilities | None = None  # the release's own answer, if the site has its own scale
    site: str = ""  # digest of the site's scale

    @property
    def by_release(self) -> Probabilities:
        """The probabilities before the site's scale."""
        return self.release_probabilities or self.probabilities

    @property
    def release_kl(self) -> int:
        """The grade before the site's scale: the predictions voted for it, and the heatmap explains it."""
        return self.by_release.index(max(self.by_release))

    @property
    def needs_review(self) -> bool:
        """Whether a person should review the knee: if there is at least one reason."""
        return bool(self.review_reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the model looked for this grade: 0…1 on a coarse grid over the crop."""

    values: NDArray[np.float32]
    kl: int
