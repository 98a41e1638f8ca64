"""The rule that decides when a person should look at a knee."""

import numpy as np
import pytest

from koa_worker.knee.grading.release import MANIFEST, Manifest, default_model_folder
from koa_worker.knee.grading.review import SLIGHTLY_MISSING, of_frame, of_picture, rule_of_votes
from koa_worker.values import Box, KneeRoi, Radiograph, ReviewCode, ReviewReason, Side, Study

FRAME = Radiograph(np.zeros((9, 9), np.uint8), "PNG", Study("1", "2"))


def test_a_leg_without_a_knee_is_a_reason_to_look_at_the_other() -> None:
    assert of_frame(FRAME, other_knee_found=True) == ()
    assert of_frame(FRAME, other_knee_found=False) == (ReviewReason(ReviewCode.OTHER_KNEE_NOT_FOUND),)


@pytest.mark.parametrize(("missing", "flagged"), [(SLIGHTLY_MISSING, False), (0.09, True)])
def test_a_joint_that_is_cut_off_says_by_how_much(missing: float, flagged: bool) -> None:
    reasons = of_picture(KneeRoi(Box(0, 0, 9, 9), Side.LEFT, missing=missing), None, None)
    cut_off = ReviewReason(ReviewCode.CUT_OFF, missing, SLIGHTLY_MISSING)
    assert (cut_off in reasons) == flagged


def test_the_card_of_the_release_says_this_very_rule() -> None:
    folder = default_model_folder()
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    looks = len(manifest.members) * len(manifest.views)
    assert rule_of_votes(manifest.review, looks) in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
