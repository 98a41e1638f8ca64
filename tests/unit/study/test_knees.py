"""One line for each knee of a study: which grade stands, and when the images disagree."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from koa_worker.study.knees import SeenKnee, bring_together
from koa_worker.values import Grade, ReviewCode, ReviewReason, Side

LOW = ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.4, 0.5)


def seen(kl: int = 2, *, uid: str = "1.1", side: Side = Side.LEFT, view: str = "PA", **known: object) -> SeenKnee:
    shares = tuple(0.6 if grade == kl else 0.1 for grade in range(5))
    of_grade = {name: known.pop(name) for name in ("agreement", "confidence", "strangeness") if name in known}
    grade = Grade(kl, shares, 0.6, sum(shares[2:]), 1.0, (), "net-v1", -2.0)  # type: ignore[arg-type]
    weight_bearing = bool(known.pop("weight_bearing", False))
    return SeenKnee(uid, 0, uid, side, view, weight_bearing, replace(grade, **of_grade), **known)  # type: ignore[arg-type]


BEST_FIRST = (
    seen(uid="1.9", view="PA", weight_bearing=True, strangeness=3.0, agreement=0.2),
    seen(uid="1.8", view="AP", weight_bearing=True, strangeness=2.0),
    seen(uid="1.7", view="PA", strangeness=-5.0, agreement=0.1),
    seen(uid="1.65", view="PA", strangeness=-4.0, agreement=None, confidence=0.3),
    seen(uid="1.6", view="PA", strangeness=-4.0, agreement=0.9, confidence=0.3),
    seen(uid="1.5", view="PA", strangeness=-4.0, agreement=0.8, confidence=0.9),
    seen(uid="1.4", view="PA", strangeness=-4.0, agreement=0.8, confidence=0.8),
    seen(uid="1.45", view="PA", strangeness=-4.0, agreement=0.8, confidence=0.8),
    seen(uid="1.3", view="PA", strangeness=None),
    seen(uid="1.2", view="AP", strangeness=-9.0),
    seen(uid="1.1", view="", strangeness=-10.0),
)


def test_the_rule_puts_the_best_image_first() -> None:
    (line,) = bring_together(reversed(BEST_FIRST))
    assert [knee.sop_uid for knee in line.every] == [knee.sop_uid for knee in BEST_FIRST]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_the_order_of_arrival_never_decides(order: tuple[int, ...]) -> None:
    (line,) = bring_together(BEST_FIRST[at] for at in order)
    assert line.stands == BEST_FIRST[0]


def test_each_side_is_a_line_the_right_one_first() -> None:
    lines = bring_together([seen(uid="1"), seen(uid="2", side=Side.RIGHT), seen(uid="3")])
    assert [(line.side, len(line.every)) for line in lines] == [(Side.RIGHT, 1), (Side.LEFT, 2)]


def test_knees_of_unknown_side_are_not_brought_together() -> None:
    lines = bring_together([seen(uid="1", side=Side.UNKNOWN), seen(uid="2", side=Side.UNKNOWN)])
    assert [line.others for line in lines] == [(), ()]


def test_a_knee_that_names_another_patient_stays_apart() -> None:
    lines = bring_together([seen(0, uid="1", foreign=True), seen(4, uid="2")])
    assert [(line.stands.grade.kl, line.others, line.review_reasons) for line in lines] == [(4, (), ()), (0, (), ())]


@pytest.mark.parametrize(
    ("grades", "disagree"),
    [
        *(((2,), False), ((2, 2), False), ((0, 1), False), ((2, 3), False), ((3, 4), False), ((3, 3, 4), False)),
        *(((1, 2), True), ((2, 1), True), ((0, 2), True), ((2, 4), True), ((1, 1, 3), True)),
    ],
)
def test_images_disagree_by_two_grades_or_about_osteoarthritis(grades: tuple[int, ...], disagree: bool) -> None:
    (line,) = bring_together(seen(kl, uid=f"1.{at}") for at, kl in enumerate(grades))
    expected = (ReviewReason(ReviewCode.IMAGES_DISAGREE, min(grades), max(grades)),) if disagree else ()
    assert line.review_reasons == expected


def test_the_reasons_of_the_grade_that_stands_are_kept() -> None:
    flagged = seen(1, uid="1")
    flagged = replace(flagged, grade=replace(flagged.grade, review_reasons=(LOW,)))
    (line,) = bring_together([flagged, seen(2, uid="2", view="AP")])
    assert [reason.code for reason in line.review_reasons] == [ReviewCode.IMAGES_DISAGREE, ReviewCode.LOW_CONFIDENCE]
