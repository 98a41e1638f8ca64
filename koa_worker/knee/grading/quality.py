"""The quality gate: whether a file, a frame and each knee can be graded. The answers are yes, yes with review, and no.

Body part and view in the header are checked first, then the frame, then each knee with the answer of the model.
Every "no" is a code of the error catalogue; every "yes with review" has its reasons from `review.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koa_worker.errors import InputRejected
from koa_worker.knee.grading import review
from koa_worker.knee.grading.familiar import Familiar, Impression, Kind
from koa_worker.knee.grading.metal import Metal, evidence_that_counts, find_metal
from koa_worker.knee.grading.prepare import Picture
from koa_worker.values import KneeRoi, Radiograph, ReviewReason

# Values of Body Part Examined (0018,0015), PS3.16 annex L, that cannot mean a knee. With values that can, such as LEG
# or EXTREMITY, and with values of no standard, the image decides.
# fmt: off
_OTHER_PARTS = frozenset((
    "ABDOMEN", "ACJOINT", "ANKLE", "BREAST", "CALCANEUS", "CERVICAL", "CHEST", "CLAVICLE", "COCCYX", "CSPINE", "ELBOW",
    "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HEEL", "HIP", "HUMERUS", "JAW", "LSPINE", "LUMBAR", "MANDIBLE",
    "NECK", "PELVIS", "RIB", "RIBS", "SACRUM", "SCAPULA", "SHOULDER", "SIJOINT", "SKULL", "SPINE", "SSPINE", "STERNUM",
    "TEETH", "THORACIC", "THORAX", "THUMB", "TLSPINE", "TMJ", "TOE", "TSPINE", "WRIST", "ZYGOMA",
))
# fmt: on
_KNEE_WORDS = ("KNEE", "PATELLA", "LEG", "EXTREMITY", "FEMUR", "TIB", "LIMB")  # one of them beside another part
_OTHER_VIEWS = ("LATERAL", "SKYLINE", "SUNRISE", "MERCHANT", "AXIAL", "TANGENTIAL", "SETTEGAST", "LAURIN", "HUGHSTON")

MOST_COLOURED = 0.1  # share of the image: a few coloured letters do not make a photograph
MISSING = 0.15  # of the plateau's width: a compartment lacks a third
FLAT = 12  # gray levels of 256 between the darkest and the brightest of a crop that is hopelessly exposed
CLIPPED = 0.5  # of the crop at the darkest or brightest level: bone or soft tissue has gone

ONE_LEVEL = 0.4  # of the crop at one gray level between black and white: a page or a form, since film has grain
FAR = 2.0  # in strangeness: seven times likelier
STRANGE_ENOUGH = 0.0  # log odds against a knee, from which on metal is searched beside the joint too
_LOOKS_LIKE = {Kind.VIEW: ("other_view", "by its look"), Kind.BLUR: ("blurred", "")}
_STAYS = ("cut_off", "poor_exposure")  # reasons that no rotation changes; apparent metal may be a bone that lies across


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision for one knee: it is refused if there is a code, and flagged for review if there are reasons."""

    code: str = ""
    detail: str = ""
    reasons: tuple[ReviewReason, ...] = ()
    impression: Impression | None = None

    @property
    def strangeness(self) -> float:
        """The strangeness from the model's impression; minus infinity without one: such a knee is not strange."""
        return self.impression.strangeness if self.impression else -np.inf

    def shows_knee(self, familiar: Familiar | None) -> bool:
        """Whether the refused region is a knee nevertheless: hidden, cut off, blurred or from another side."""
        if self.impression is None or familiar is None or self.code == "not_a_knee":
            return False
        return self.strangeness <= familiar.strange or self.impression.kind is not Kind.OTHER

    def may_lie_askew(self, familiar: Familiar | None) -> bool:
        """Whether the region is unfamiliar to the model and may be a knee in a turned frame."""
        return familiar is not None and self.strangeness > familiar.fair and self.code not in _STAYS

    def may_lie_elsewhere(self, familiar: Familiar, *, weak: bool) -> bool:
        """Whether the box may be beside the knee: it is not familiar to the model, and the reason is not metal.

        If the evidence from density is weak, a box must be even more familiar to be accepted.
        """
        return self.strangeness > (familiar.sure if weak else familiar.fair) and self.code not in ("implant", *_STAYS)

    def stands_better(self, familiar: Familiar | None, upright: float) -> bool:
        """Whether this is a familiar knee, and a much likelier one than in the upright frame (`upright`)."""
        return not self.code and familiar is not None and self.strangeness <= min(familiar.fair, upright - FAR)


def check_frame(radiograph: Radiograph) -> None:
    """Raises InputRejected if header or colours show that this is not a frontal radiograph of a knee."""
    part = radiograph.study.body_part
    words = set(re.split(r"[^A-Z]+", part))
    if words & _OTHER_PARTS and not any(word in part for word in _KNEE_WORDS):
        raise InputRejected("other_part", f"the header says {', '.join(sorted(words & _OTHER_PARTS))}")
    named = next((view for view in _OTHER_VIEWS if view in radiograph.study.view), None)
    if named is not None:
        raise InputRejected("other_view", f"the header says {named}")
    if radiograph.coloured > MOST_COLOURED:
        raise InputRejected("coloured", f"{radiograph.coloured:.0%} of the image")


def judge_knee(
    roi: KneeRoi,
    small: Picture,
    crop: Picture,
    impression: Impression | None,
    familiar: Familiar | None,
    *,
    around: Callable[[], Metal] = Metal,
) -> Verdict:
    """The verdict for a knee, from its crop before (`small`) and after equalisation, and the model's impression.

    `around` searches metal beside the joint; it takes longer, and is called only if the model finds the knee strange.
    """
    equalized = small is crop
    strangeness = float(impression.strangeness) if impression else -np.inf
    least = evidence_that_counts(strangeness, equalized=equalized)
    metal = find_metal(small, equalized=equalized, least=least)
    code, detail = _spoilt(roi, small, metal)
    if not code and impression is not None and familiar is not None:
        wide = around() if not equalized and impression.strangeness > STRANGE_ENOUGH else Metal()
        code, detail = _strange((metal, wide), impression, familiar)
    return Verdict(code, detail, () if code else review.of_picture(roi, impression, familiar, metal), impression)


def _spoilt(roi: KneeRoi, small: Picture, metal: Metal) -> tuple[str, str]:
    """The reasons that need no model, the most specific one first."""
    levels = np.bincount(small.ravel(), minlength=256) / small.size
    share = np.cumsum(levels)
    used = int(np.diff(np.searchsorted(share, [0.02, 0.98]))[0])
    if used < FLAT:
        return "poor_exposure", f"{used} gray levels of 256 are used"
    if (most := float(levels[2:253].max())) > ONE_LEVEL:
        return "not_a_knee", f"one gray level fills {most:.0%} of it"
    if metal.clear:
        return "implant", f"bright, sharp-edged and even over {metal.area:.0%} of the joint"
    if roi.missing > MISSING:
        return "cut_off", f"{roi.missing:.0%} of the joint's width is beyond the edge"
    clipped = 0.0 if metal.equalized else max(float(share[1]), float(1 - share[253]))
    if clipped > CLIPPED:
        return "poor_exposure", f"{clipped:.0%} of the joint is plain black or white"
    return "", ""


def _strange(metals: tuple[Metal, ...], impression: Impression, familiar: Familiar) -> tuple[str, str]:
    """The reasons from the model's impression, together with metal that alone would not be enough.

    Only visible metal is a reason to refuse a knee. A knee that looks like an implant to the model but shows no metal
    is flagged for review.
    """
    seen = next((metal for metal in metals if metal.is_metal_beside(impression.strangeness)), None)
    if seen is not None and impression.without_metal <= familiar.strange:
        return "implant", f"bright and even over {seen.area:.0%} of the joint"
    if impression.without_metal > familiar.strange:
        return _LOOKS_LIKE.get(impression.other, ("not_a_knee", ""))
    return "", ""
