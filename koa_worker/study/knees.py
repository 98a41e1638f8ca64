"""Combines all images of one knee in a study: the grade that stands for the knee, and the other grades.

The grade that stands is that of the image which is best suited for the Kellgren–Lawrence scale. The first difference in
this order decides:

1. the view: weight-bearing PA, weight-bearing AP, PA, AP, any other or unknown view;
2. the likeness to the training knees (the lower strangeness; a knee without one comes last);
3. the agreement of the model's predictions, then the confidence;
4. the SOP Instance UID and the position in the image, so that the order of arrival never decides.

Knees are combined only by their side. A knee of unknown side is a line of its own, because two of them may be different
knees. So is a knee in an image that names another patient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from koa_worker.values import Grade, JointSpace, ReviewCode, ReviewReason, Side

FAR_APART = 2  # grades between two images of one knee
OSTEOARTHRITIS = 2  # the lowest grade of definite osteoarthritis

# Kellgren and Lawrence graded standing films; the flexed PA view shows the joint space better than the straight AP.
_VIEWS = {("PA", True): 0, ("AP", True): 1, ("PA", False): 2, ("AP", False): 3}
_SIDES = {Side.RIGHT: 0, Side.UNKNOWN: 1, Side.LEFT: 2}


@dataclass(frozen=True, slots=True)
class SeenKnee:
    """One knee in one image of a study."""

    image: str  # the id of its file
    position: int  # in the image, from left to right
    sop_uid: str
    side: Side
    view: str
    weight_bearing: bool
    grade: Grade
    joint_space: JointSpace | None = None
    foreign: bool = False  # the image names another patient than the study does

    @property
    def place(self) -> tuple[str, int]:
        return self.image, self.position


@dataclass(frozen=True, slots=True)
class StudyKnee:
    """One knee of a study: the image whose grade stands, and its other images, best first."""

    stands: SeenKnee
    others: tuple[SeenKnee, ...] = ()

    @property
    def side(self) -> Side:
        return self.stands.side

    @property
    def every(self) -> tuple[SeenKnee, ...]:
        return (self.stands, *self.others)

    @property
    def grades(self) -> tuple[int, int]:
        """The lowest and the highest grade of the images."""
        found = [seen.grade.kl for seen in self.every]
        return min(found), max(found)

    @property
    def review_reasons(self) -> tuple[ReviewReason, ...]:
        """The reasons of the grade that stands; before them, if so, the disagreement of the images."""
        return (*images_disagree(*self.grades), *self.stands.grade.review_reasons)


def images_disagree(lowest: int, highest: int) -> tuple[ReviewReason, ...]:
    """The reason, if images of one knee differ by two grades, or in whether there is osteoarthritis."""
    if highest - lowest >= FAR_APART or lowest < OSTEOARTHRITIS <= highest:
        return (ReviewReason(ReviewCode.IMAGES_DISAGREE, lowest, highest),)
    return ()


def bring_together(seen: Iterable[SeenKnee]) -> tuple[StudyKnee, ...]:
    """One line for each knee: the patient's right one, those of unknown side, the left one."""
    by_side: defaultdict[Side, list[SeenKnee]] = defaultdict(list)
    lines = []
    for knee in seen:
        if knee.side is Side.UNKNOWN or knee.foreign:
            lines.append(StudyKnee(knee))
        else:
            by_side[knee.side].append(knee)
    for knees in by_side.values():
        best, *others = sorted(knees, key=_fitness)
        lines.append(StudyKnee(best, tuple(others)))
    return tuple(sorted(lines, key=_reading_order))


def _fitness(knee: SeenKnee) -> tuple[int, float, float, float, str, int]:
    """The values that the rule compares; the lowest is the best."""
    grade = knee.grade
    strangeness = float("inf") if grade.strangeness is None else grade.strangeness
    agreement = 1.0 if grade.agreement is None else grade.agreement
    view = _VIEWS.get((knee.view, knee.weight_bearing), len(_VIEWS))
    return view, strangeness, -agreement, -grade.confidence, knee.sop_uid, knee.position


def _reading_order(line: StudyKnee) -> tuple[int, bool, str, int]:
    knee = line.stands
    return _SIDES[knee.side], knee.foreign, knee.sop_uid, knee.position
