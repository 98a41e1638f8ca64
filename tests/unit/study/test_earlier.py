"""The comparison of a knee with its earlier exam, and its limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from koa_worker.report import course_words
from koa_worker.study.earlier import REPEATABLE_MM, Course, Exam, NotCompared, PatientExams, courses
from koa_worker.study.knees import SeenKnee, StudyKnee, bring_together
from koa_worker.values import Compartment, CompartmentName, Grade, JointSpace, Side, SpacingSource

NOW, THEN = date(2026, 3, 1), date(2025, 3, 1)
LINE = ((1.0, 2.0), (3.0, 4.0))


def space(medial: float | None = 4.0, plane: SpacingSource = SpacingSource.CALIBRATED) -> JointSpace:
    clear = medial is not None
    parts = (
        Compartment(CompartmentName.MEDIAL, clear, 0.05 if clear else None, None, medial, medial, LINE, LINE),
        Compartment(CompartmentName.LATERAL, False, None, None, None, None, LINE, LINE),
    )
    return JointSpace(parts, plane, 500.0)


def seen(kl: int, joint_space: JointSpace | None, *, uid: str = "1", view: str = "PA", side: Side = Side.RIGHT):
    shares = (0.2, 0.2, 0.2, 0.2, 0.2)
    return SeenKnee(uid, 0, uid, side, view, True, Grade(kl, shares, 0.2, 0.6, 1.0, (), "net-v1"), joint_space)


def course(then: list[SeenKnee], now: list[SeenKnee], *more: Exam) -> Course:
    exams = (Exam("s1", THEN, bring_together(then)), *more)
    (one,) = courses(bring_together(now), NOW, PatientExams(exams))
    return one


def test_a_narrower_joint_space_is_said_with_the_time_between() -> None:
    found = course([seen(1, space(4.0))], [seen(3, space(3.0))])
    assert (found.grade_change, found.days, found.not_compared) == (2, 365, None)
    (change,) = found.spaces
    assert (change.name, change.by_mm, change.is_change) == (CompartmentName.MEDIAL, -1.0, True)
    assert course_words.grade_change(found) == "KL 1 on 2025-03-01, KL 3 now: two grades higher after 12 months"
    (sentence,) = course_words.space_changes(found)
    assert sentence == "medial joint space 4.0 mm then, 3.0 mm now: 1.0 mm narrower"


@pytest.mark.parametrize("by", [0.0, 0.9 * REPEATABLE_MM, -0.9 * REPEATABLE_MM])
def test_a_difference_within_the_repeatability_is_no_change(by: float) -> None:
    (change,) = course([seen(2, space(4.0))], [seen(2, space(4.0 + by))]).spaces
    assert not change.is_change
    (sentence,) = course_words.space_changes(course([seen(2, space(4.0))], [seen(2, space(4.0 + by))]))
    assert "no change beyond" in sentence


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        (seen(1, space(), view="AP"), seen(1, space()), NotCompared.VIEW),
        (seen(1, space(), view=""), seen(1, space(), view=""), NotCompared.VIEW),
        (replace(seen(1, space()), weight_bearing=False), seen(1, space()), NotCompared.VIEW),
        (seen(1, space(plane=SpacingSource.DETECTOR)), seen(1, space()), NotCompared.SPACING),
        (seen(1, space(plane=SpacingSource.NONE)), seen(1, space(plane=SpacingSource.NONE)), NotCompared.SPACING),
        (seen(1, space(None)), seen(1, space()), NotCompared.NOT_MEASURED),
        (seen(1, None), seen(1, space()), NotCompared.NOT_MEASURED),
    ],
)
def test_what_cannot_be_compared_is_not(then: SeenKnee, now: SeenKnee, why: NotCompared) -> None:
    found = course([then], [now])
    assert (found.spaces, found.not_compared) == ((), why)
    (sentence,) = course_words.space_changes(found)
    assert "not compared" in sentence


def test_the_earlier_image_of_the_same_view_is_compared_whichever_stands() -> None:
    then = [seen(1, space(5.0), uid="1", view="PA"), seen(2, space(4.5), uid="2", view="AP")]
    found = course(then, [seen(2, space(3.0), view="AP")])
    assert found.then.knee.stands.view == "PA"
    assert found.compared is not None
    assert found.compared.view == "AP"
    assert [change.then_mm for change in found.spaces] == [4.5]


def test_three_exams_are_in_the_order_of_their_days() -> None:
    oldest = Exam("s0", date(2023, 1, 1), bring_together([seen(0, None)]))
    found = course([seen(1, None)], [seen(3, None)], oldest)
    assert [(point.date.year, point.knee.stands.grade.kl) for point in found.points] == [
        (2023, 0),
        (2025, 1),
        (2026, 3),
    ]


def test_a_knee_without_a_side_and_one_that_was_not_seen_then_have_no_course() -> None:
    exams = PatientExams((Exam("s1", THEN, bring_together([seen(1, None, side=Side.UNKNOWN), seen(1, None)])),))
    now: tuple[StudyKnee, ...] = bring_together([seen(1, None, side=Side.UNKNOWN), seen(1, None, side=Side.LEFT)])
    assert courses(now, NOW, exams) == ()
    assert courses(bring_together([seen(1, None)]), None, exams) == ()


def test_a_grade_of_another_model_is_said_to_be_one() -> None:
    old = seen(1, None)
    found = course([replace(old, grade=replace(old.grade, model="net-v0"))], [seen(2, None)])
    assert not found.same_model
    assert course_words.grade_change(found).endswith("; the earlier grade is by net-v0")
