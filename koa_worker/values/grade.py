"""The grade of a knee, and why a person should look at it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who handles no pixels does not wait for NumPy
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
    """Why a person should look at a graded knee. The comments say what a reason's value and limit are."""

    OTHER_KNEE_NOT_FOUND = "other_knee_not_found"  # neither
    MINOR = "minor"  # the age in years that the header says, and that of adults
    POSSIBLE_METAL = "possible_metal"  # the evidence, in log odds; no limit
    LIKE_IMPLANT = "like_implant"  # as for UNUSUAL: a knee with an implant to the net, but no metal is seen
    NOT_CHECKED = "not_checked"  # neither: the release cannot tell a knee from other pictures
    UNUSUAL = "unusual"  # how strange the picture is, and the strangeness that is let pass
    CUT_OFF = "cut_off"  # the share of the joint's width beyond the edge, and the share that is let pass
    TURNED = "turned"  # by how many degrees anticlockwise; no limit
    LOW_CONFIDENCE = "low_confidence"  # the confidence, and the least that is let pass
    LOW_AGREEMENT = "low_agreement"  # how many looks give this grade, and how many looks there are
    DISAGREEMENT = "disagreement"  # the lowest and the highest grade that a look gives
    BORDERLINE = "borderline"  # P(KL ≥ 2), and how near to one half is too near
    IMAGES_DISAGREE = "images_disagree"  # the lowest and the highest grade of this knee among the study's images
    OTHER = "other"  # neither: a sentence of an earlier version, kept as it was


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """One reason to look at a knee, without words: `report/words.py` has them."""

    code: ReviewCode
    value: float | None = None
    limit: float | None = None
    text: str = ""  # of OTHER alone


Probabilities = tuple[float, float, float, float, float]  # of KL 0 to KL 4


@dataclass(frozen=True, slots=True)
class Grade:
    """The model's grade of one knee, with its confidence; on the site's scale if there is one."""

    kl: int
    probabilities: Probabilities
    confidence: float  # the probability of `kl`
    oa_probability: float  # P(KL ≥ 2)
    agreement: float  # share of members × views whose own grade is the release's
    review_reasons: tuple[ReviewReason, ...]
    model: str  # "name-vN"
    strangeness: float | None = None  # log odds against a knee like the training knees; None: nothing judged it
    release_probabilities: Probabilities | None = None  # what the release itself says, if the site has its own scale
    site: str = ""  # digest of the site's scale

    @property
    def by_release(self) -> Probabilities:
        """The probabilities before the site's scale."""
        return self.release_probabilities or self.probabilities

    @property
    def release_kl(self) -> int:
        """The grade before the site's scale: what the looks voted for, and what the heatmap explains."""
        return self.by_release.index(max(self.by_release))

    @property
    def needs_review(self) -> bool:
        """Whether a person should look at the knee: where there is a reason to."""
        return bool(self.review_reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the model looked for this grade: 0…1 on a coarse grid over the crop."""

    values: NDArray[np.float32]
    kl: int
