"""The gate: each reason by itself, in its order, and three answers."""

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from koa_worker.errors import CATALOGUE, InputRejected
from koa_worker.knee.grading.familiar import KINDS, Familiar, Impression, Kind
from koa_worker.knee.grading.metal import Metal
from koa_worker.knee.grading.prepare import Picture, crop, equalize, resize
from koa_worker.knee.grading.quality import Verdict, check_frame, judge_knee
from koa_worker.knee.grading.review import of_frame
from koa_worker.publish.objects.codes import REFUSALS
from koa_worker.synthetic import ImplantKind, draw, random_spec, with_implant
from koa_worker.values import Box, KneeRoi, Patient, Radiograph, ReviewCode, ReviewReason, Side, Study

FAMILIAR = Familiar(np.zeros((1, 4, len(KINDS)), np.float32), np.zeros((1, len(KINDS)), np.float32), -2, 0, 1)
ROI = KneeRoi(Box(0, 0, 224, 224), Side.LEFT)
KNEE = Impression(-4.0, Kind.OTHER)


def frame(body_part: str = "", view: str = "", coloured: float = 0.0) -> Radiograph:
    study = Study("1", "2", body_part=body_part, view=view)
    return Radiograph(np.zeros((9, 9), np.uint8), "DICOM", study, coloured=coloured)


@pytest.fixture(scope="module")
def joint() -> Picture:
    plate = draw(random_spec(2, longest=700))
    return resize(crop(plate.pixels, plate.truths[0].box))


@pytest.mark.parametrize("part", ["", "KNEE", "LEG", "EXTREMITY", "LOWER EXTREMITY", "R KNEE", "HIP KNEE ANKLE", "X9"])
@pytest.mark.parametrize("view", ["", "AP", "PA", "OBLIQUE"])
def test_a_header_that_may_mean_a_frontal_knee_lets_the_picture_decide(part: str, view: str) -> None:
    check_frame(frame(part, view))


@pytest.mark.parametrize("part", ["HIP", "ANKLE", "CHEST", "LSPINE", "HAND", "LT FOOT"])
def test_a_header_that_names_another_part_decides(part: str) -> None:
    with pytest.raises(InputRejected, match=part.rsplit(maxsplit=1)[-1]) as caught:
        check_frame(frame(part))
    assert caught.value.code == "other_part"


@pytest.mark.parametrize("view", ["LATERAL", "SKYLINE", "SUNRISE", "AXIAL"])
def test_a_header_that_names_another_view_decides(view: str) -> None:
    with pytest.raises(InputRejected, match=view) as caught:
        check_frame(frame("KNEE", view))
    assert caught.value.code == "other_view"


def test_a_coloured_picture_is_no_radiograph_and_one_with_a_coloured_letter_is() -> None:
    check_frame(frame(coloured=0.02))
    with pytest.raises(InputRejected, match="50%") as caught:
        check_frame(frame(coloured=0.5))
    assert caught.value.code == "coloured"


@pytest.mark.parametrize(
    ("age", "born", "minor"),
    [
        (None, None, False),
        (17.0, None, True),
        (18.0, None, False),
        (None, date(2008, 2, 1), True),  # eighteen the day after
        (None, date(2008, 1, 31), False),
        (18.0, date(2010, 1, 1), True),  # where both disagree, a person looks
        (60.0, date(2030, 1, 1), False),  # not born yet: a date that says nothing
    ],
)
def test_a_minor_s_knee_is_for_a_person_to_look_at(age: float | None, born: date | None, minor: bool) -> None:
    taken = Study("1", "2", date=datetime(2026, 1, 31, 10))
    seen = replace(frame(), study=taken, patient=Patient(birth_date=born, age_years=age))
    said = of_frame(seen, other_knee_found=True)
    assert [reason.code for reason in said] == ([ReviewCode.MINOR] if minor else [])


def test_a_knee_that_looks_like_one_is_graded(joint: Picture) -> None:
    verdict = judge_knee(ROI, joint, equalize(joint), KNEE, FAMILIAR)
    assert (verdict.code, verdict.reasons) == ("", ())
    assert not verdict.may_lie_askew(FAMILIAR)
    assert verdict.stands_better(FAMILIAR, 0.0)
    assert not verdict.stands_better(FAMILIAR, -3.0)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(Kind.VIEW, "other_view"), (Kind.BLUR, "blurred"), (Kind.HALF, "not_a_knee"), (Kind.OTHER, "not_a_knee")],
)
def test_what_looks_like_something_else_is_refused_as_that(joint: Picture, kind: Kind, code: str) -> None:
    verdict = judge_knee(ROI, joint, equalize(joint), Impression(1.5, kind, 1.4, kind), FAMILIAR)
    assert (verdict.code, verdict.reasons) == (code, ())
    assert verdict.may_lie_askew(FAMILIAR)


def test_an_implant_that_nobody_can_see_is_for_a_person_to_look_at(joint: Picture) -> None:
    verdict = judge_knee(ROI, joint, equalize(joint), Impression(3.0, Kind.IMPLANT, 0.5), FAMILIAR)
    assert (verdict.code, [reason.code for reason in verdict.reasons]) == ("", [ReviewCode.LIKE_IMPLANT])


def test_what_is_strange_without_metal_too_is_not_called_an_implant(joint: Picture) -> None:
    seen = Impression(3.0, Kind.IMPLANT, 2.0, Kind.VIEW)
    assert judge_knee(ROI, joint, equalize(joint), seen, FAMILIAR).code == "other_view"


@pytest.mark.parametrize(("evidence", "strangeness", "code"), [(0.5, 0.8, "implant"), (0.1, 0.5, ""), (-2.0, 3.9, "")])
def test_faint_metal_beside_the_joint_counts_where_the_knee_is_strange(
    joint: Picture, evidence: float, strangeness: float, code: str
) -> None:
    seen = Impression(strangeness, Kind.IMPLANT, 0.0)
    found = judge_knee(ROI, joint, equalize(joint), seen, FAMILIAR, around=lambda: Metal(evidence, 0.1))
    assert found.code == code


def test_a_familiar_knee_is_not_searched_for_metal_beside_it(joint: Picture) -> None:
    def never() -> Metal:
        raise AssertionError

    assert judge_knee(ROI, joint, equalize(joint), KNEE, FAMILIAR, around=never).code == ""


def test_a_page_is_no_knee() -> None:
    page = np.full((224, 224), 245, np.uint8)
    page[20:200:12, 20:200] = 30
    assert judge_knee(ROI, page, equalize(page), KNEE, FAMILIAR).code == "not_a_knee"


def test_an_unusual_knee_is_graded_and_shown_to_a_person(joint: Picture) -> None:
    verdict = judge_knee(ROI, joint, equalize(joint), Impression(0.5, Kind.OTHER), FAMILIAR)
    assert verdict.code == ""
    assert verdict.reasons == (ReviewReason(ReviewCode.UNUSUAL, 0.5, FAMILIAR.doubtful),)
    assert not verdict.stands_better(FAMILIAR, 9.0)


@pytest.mark.parametrize("kind", list(ImplantKind))
def test_metal_counts_however_familiar_the_rest_looks(kind: ImplantKind) -> None:
    plate = draw(random_spec(2, longest=700))
    plate = with_implant(plate, plate.truths[0], kind)
    joint = resize(crop(plate.pixels, plate.truths[0].box))
    assert judge_knee(ROI, joint, equalize(joint), KNEE, FAMILIAR).code == "implant"


@pytest.mark.parametrize(("missing", "code", "reasons"), [(0.02, "", 0), (0.1, "", 1), (0.2, "cut_off", 0)])
def test_a_joint_may_be_cut_off_a_little(joint: Picture, missing: float, code: str, reasons: int) -> None:
    verdict = judge_knee(replace(ROI, missing=missing), joint, equalize(joint), KNEE, FAMILIAR)
    assert (verdict.code, len(verdict.reasons)) == (code, reasons)


def test_hopeless_exposures(joint: Picture) -> None:
    level = int(np.percentile(joint, 75))
    lost = np.maximum(joint, level) - level
    assert judge_knee(ROI, lost, equalize(lost), KNEE, FAMILIAR).code in ("poor_exposure", "implant")
    for small in (joint // 40 + 100, np.full_like(joint, 90)):
        assert judge_knee(ROI, small, equalize(small), KNEE, FAMILIAR).code == "poor_exposure"


def test_a_turned_knee_says_so(joint: Picture) -> None:
    verdict = judge_knee(replace(ROI, turned=2), joint, equalize(joint), KNEE, FAMILIAR)
    assert verdict.code == ""
    assert verdict.reasons == (ReviewReason(ReviewCode.TURNED, 180),)


def test_an_old_release_without_a_gate_asks_for_a_person(joint: Picture) -> None:
    verdict = judge_knee(ROI, joint, equalize(joint), None, None)
    assert (verdict.code, verdict.reasons) == ("", (ReviewReason(ReviewCode.NOT_CHECKED),))
    assert not verdict.may_lie_askew(None)


def test_every_reason_against_a_knee_has_its_words_and_its_code_in_a_structured_report() -> None:
    assert set(REFUSALS) <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("code", "seen", "expected"),
    [
        ("cut_off", KNEE, True),
        ("implant", Impression(FAMILIAR.strange + 2, Kind.IMPLANT), True),
        ("other_view", Impression(FAMILIAR.strange + 2, Kind.VIEW), True),
        ("implant", Impression(FAMILIAR.strange + 2, Kind.OTHER), False),  # a hip, as far as the net can say
        ("not_a_knee", Impression(FAMILIAR.strange + 2, Kind.VIEW), False),
        ("cut_off", None, False),  # nothing says that it is a knee
    ],
)
def test_whether_what_is_refused_is_a_knee(code: str, seen: Impression | None, expected: bool) -> None:
    assert Verdict(code, impression=seen).shows_knee(FAMILIAR) is expected
