"""Decides which knees a frame shows: density proposes their positions, and the model decides.

The model grades each proposed knee anyway, and its gate says whether the crop looks like a knee. If it does not, other
positions in the same leg are tried, and finally the frame is turned.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np

from koa_worker.errors import InputRejected
from koa_worker.knee.finding.roi import Trace, find
from koa_worker.knee.finding.rotation import as_stored, turned
from koa_worker.knee.finding.second_look import is_weak, other_places, places_in_leg
from koa_worker.knee.grading.explain import FeatureMaps
from koa_worker.knee.grading.familiar import Familiar
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.metal import find_metal_around
from koa_worker.knee.grading.prepare import Picture, crop, prepared, resize
from koa_worker.knee.grading.quality import FAR, Verdict, judge_knee
from koa_worker.values import Grade, KneeRoi, Radiograph, RefusedKnee

Clock = Callable[[str], AbstractContextManager[None]]  # measures the time of a stage


@dataclass(frozen=True, slots=True, eq=False)
class JudgedKnee:
    """One knee with its grade and the verdict of the quality gate."""

    roi: KneeRoi
    crop: Picture
    grade: Grade
    maps: FeatureMaps
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class JudgedFrame:
    """The knees of a frame from left to right and the legs without one, or the reason why there are none."""

    knees: tuple[JudgedKnee, ...] = ()
    without_knee: tuple[RefusedKnee, ...] = ()
    fault: InputRejected | None = None

    def is_settled(self, familiar: Familiar | None) -> bool:
        """Whether turning the frame would give no further information."""
        if self.fault is not None:
            return familiar is None or self.fault.code != "no_knee"
        return not all(one.verdict.may_lie_askew(familiar) for one in self.knees)


def judge_frame(grader: Grader, radiograph: Radiograph, clock: Clock) -> JudgedFrame:
    """The knees of the frame as it is, or of the turned frame if all of them are far likelier knees there."""
    upright = _Eye(grader, radiograph, 0, clock).look()
    if upright.is_settled(grader.familiar):
        return upright
    least = min((one.verdict.strangeness for one in upright.knees), default=np.inf)
    for quarters in (2, 1, 3):
        looks = _Eye(grader, turned(radiograph, quarters), quarters, clock).look()
        if looks.knees and all(one.verdict.stands_better(grader.familiar, least) for one in looks.knees):
            return looks
    return upright


@dataclass(frozen=True, slots=True, eq=False)
class _Eye:
    """Judges one frame, which is the stored one turned by a number of quarters."""

    grader: Grader
    frame: Radiograph
    quarters: int
    clock: Clock

    def look(self) -> JudgedFrame:
        try:
            with self.clock("roi"):
                seen = find(self.frame)
        except InputRejected as fault:
            return JudgedFrame(fault=fault)
        looks = tuple(self._judge(roi) for roi in seen.rois)
        familiar = self.grader.familiar
        # Without a knee that is familiar to the model, it is uncertain whether the frame shows knees at all.
        if familiar is None or all(one.verdict.strangeness > familiar.fair for one in looks):
            return JudgedFrame(looks, tuple(map(self._empty, seen.without_knee)))
        settled = [self._settle(seen, number, one, familiar) for number, one in enumerate(looks)]
        found = {leg: self._find_in(seen, leg, familiar) for leg in seen.without_knee}
        knees = sorted((*settled, *filter(None, found.values())), key=lambda one: _middle(one.roi))
        return JudgedFrame(tuple(knees), tuple(self._empty(leg) for leg, one in found.items() if one is None))

    def _settle(self, seen: Trace, number: int, one: JudgedKnee, familiar: Familiar) -> JudgedKnee:
        """The knee where it was found, or at a position above or below where the model sees a much likelier one."""
        if not one.verdict.may_lie_elsewhere(familiar, weak=is_weak(seen.joints[number])):
            return one
        with self.clock("roi"):
            places = other_places(self.frame, seen, number)
        return self._likeliest(places, min(familiar.doubtful, one.verdict.strangeness - FAR)) or one

    def _find_in(self, seen: Trace, leg: KneeRoi, familiar: Familiar) -> JudgedKnee | None:
        """The knee of a leg in which density found none, if the model finds a familiar one there."""
        with self.clock("roi"):
            places = places_in_leg(self.frame, seen, leg)
        return self._likeliest(places, familiar.fair)

    def _likeliest(self, places: tuple[KneeRoi, ...], strangest: float) -> JudgedKnee | None:
        """The most familiar of these positions; None if all of them are refused or stranger than this limit."""
        judged = (self._judge(place) for place in places)
        better = (one for one in judged if not one.verdict.code and one.verdict.strangeness <= strangest)
        return min(better, key=lambda one: one.verdict.strangeness, default=None)

    def _judge(self, roi: KneeRoi) -> JudgedKnee:
        familiar, stored = self.grader.familiar, self._as_stored(roi)
        with self.clock("prepare"):
            small = resize(crop(self.frame.pixels, roi.box))
            picture = prepared(small)
        with self.clock("grade"):
            grade, maps = self.grader.grade(picture)
        with self.clock("gate"):
            impression = self.grader.impression(picture, maps)
            around = partial(find_metal_around, self.frame.pixels, roi.box)
            verdict = judge_knee(stored, small, picture, impression, familiar, around=around)
        return JudgedKnee(stored, picture, grade, maps, verdict)

    def _empty(self, leg: KneeRoi) -> RefusedKnee:
        return RefusedKnee(self._as_stored(leg), "knee_not_found")

    def _as_stored(self, roi: KneeRoi) -> KneeRoi:
        """The position in the stored image of a region that was found in the turned frame."""
        height, width = self.frame.pixels.shape[:: -1 if self.quarters % 2 else 1]
        return as_stored(roi, self.quarters, height, width)


def _middle(roi: KneeRoi) -> float:
    return roi.box.x + roi.box.width / 2
