"""The only place that composes the stages: one file in, one outcome out. It reads top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from koa_worker.config import Config, Limits
from koa_worker.errors import OWN_RESULT, InputRejected, WorkFailed, belonging_to
from koa_worker.knee.finding.density import halve
from koa_worker.knee.finding.roi import Trace, find
from koa_worker.knee.finding.rotation import as_stored, turned
from koa_worker.knee.finding.second_look import other_places
from koa_worker.knee.grading import review
from koa_worker.knee.grading.explain import FeatureMaps, heatmap
from koa_worker.knee.grading.familiar import Familiar
from koa_worker.knee.grading.grade import Grader, model_folder
from koa_worker.knee.grading.metal import find_metal_around
from koa_worker.knee.grading.prepare import Picture, crop, prepared, resize
from koa_worker.knee.grading.quality import Verdict, check_frame, judge_knee
from koa_worker.knee.joint_space.measure import measure
from koa_worker.read import read
from koa_worker.values import (
    Arrival,
    Completed,
    Failed,
    Grade,
    GradedKnee,
    KneeRoi,
    Outcome,
    Radiograph,
    RefusedKnee,
    Rejected,
    ReviewReason,
    Ungraded,
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage, summed over the knees of a file: elapsed time and CPU time."""

    spent_ms: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3
            self.cpu_ms[stage] = self.cpu_ms.get(stage, 0.0) + (time.process_time() - cpu_start) * 1e3


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A loaded model and the limits that apply to each file."""

    grader: Grader
    limits: Limits

    @classmethod
    def load(cls, config: Config) -> Pipeline:
        grader = Grader.load(model_folder(config.model.path), config.model.review_confidence, config.model.site)
        return cls(grader, config.limits)

    def process(self, arrival: Arrival, data: bytes | None = None) -> Outcome:
        """Reads the file, finds the knees, grades and explains each. Every error becomes an outcome.

        `data` are the bytes that were hashed, where they are in memory already.
        """
        clock = Stopwatch()
        try:
            with clock("read"):
                radiograph = read(arrival, self.limits, data)
            with _belonging(radiograph):
                check_frame(radiograph)
                with clock("roi"):
                    radiograph = replace(radiograph, half=halve(radiograph.pixels))
                graded, refused = self._grade_knees(radiograph, clock)
        except InputRejected as fault:
            if fault.code == OWN_RESULT:  # no study reports it
                return Rejected(arrival, fault.code, fault.detail)
            return self._rejected(arrival, fault)
        except WorkFailed as fault:
            return Failed(arrival, fault.code, fault.detail)
        except MemoryError:
            return Failed(arrival, "out_of_memory", "")
        # One file must never stop the others, whatever error a decoder or a library raises.
        except Exception as fault:
            logger.exception("stage failed", extra={"file": arrival.id})
            return Failed(arrival, "internal", type(fault).__name__)
        return Completed(arrival, radiograph, graded, clock.spent_ms, refused, clock.cpu_ms)

    def _rejected(self, arrival: Arrival, fault: InputRejected) -> Rejected:
        named = fault.study.knees_named if fault.study else ()
        of_knee = fault.study is not None and (bool(named) or fault.knee_seen)
        ungraded = Ungraded(named, self.grader.graded_by) if of_knee else None
        return Rejected(arrival, fault.code, fault.detail, fault.study, fault.patient, fault.refused, ungraded)

    def _grade_knees(
        self, radiograph: Radiograph, clock: Stopwatch
    ) -> tuple[tuple[GradedKnee, ...], tuple[RefusedKnee, ...]]:
        """The graded knees and the refused ones. If no knee is graded, the reason is raised."""
        upright = self._look(radiograph, clock)
        looks = (
            upright if upright.is_settled(self.grader.familiar) else self._turn(radiograph, upright, clock) or upright
        )
        if looks.fault is not None:
            raise looks.fault
        alone = review.of_frame(radiograph, other_knee_found=not looks.without_knee)
        graded = tuple(self._explain(radiograph, one, alone, clock) for one in looks.knees if not one.verdict.code)
        judged = tuple(
            RefusedKnee(one.roi, one.verdict.code, one.verdict.detail) for one in looks.knees if one.verdict.code
        )
        refused = tuple(sorted((*judged, *looks.without_knee), key=_middle))
        if not graded:
            # If no knee is graded, a knee with metal gives the best reason, and a leg without a knee the weakest.
            first = min(refused, key=lambda knee: (knee.code != "implant", knee.code == "knee_not_found"))
            rejected = InputRejected(first.code, first.detail)
            rejected.refused = refused
            rejected.knee_seen = any(one.verdict.shows_knee(self.grader.familiar) for one in looks.knees)
            raise rejected
        return graded, refused

    def _look(self, radiograph: Radiograph, clock: Stopwatch, quarters: int = 0) -> _JudgedFrame:
        """Finds, grades and judges the knees of a frame that is turned by this number of quarters."""
        frame = turned(radiograph, quarters) if quarters else radiograph
        try:
            with clock("roi"):
                seen = find(frame)
        except InputRejected as fault:
            return _JudgedFrame(fault=fault)
        looks = tuple(self._judge(frame, roi, quarters, clock) for roi in seen.rois)
        without_knee = tuple(
            RefusedKnee(_as_stored(roi, frame, quarters), "knee_not_found") for roi in seen.without_knee
        )
        return _JudgedFrame(self._look_elsewhere(frame, seen, looks, quarters, clock), without_knee=without_knee)

    def _look_elsewhere(
        self, frame: Radiograph, seen: Trace, looks: tuple[_JudgedKnee, ...], quarters: int, clock: Stopwatch
    ) -> tuple[_JudgedKnee, ...]:
        """Moves a knee of weak evidence to a place above or below where the model sees a far likelier one.

        Only beside a knee that the model knows: without one, nothing says that the frame shows knees at all.
        """
        familiar = self.grader.familiar
        if familiar is None or all(one.verdict.strangeness > familiar.fair for one in looks):
            return looks
        settled = list(looks)
        for number, one in enumerate(looks):
            if not one.verdict.may_lie_elsewhere(familiar):
                continue
            with clock("roi"):
                places = other_places(frame, seen, number)
            others = (self._judge(frame, place, quarters, clock) for place in places)
            better = (other for other in others if other.verdict.stands_better(familiar, one.verdict.strangeness))
            settled[number] = min(better, key=lambda other: other.verdict.strangeness, default=one)
        return tuple(settled)

    def _turn(self, radiograph: Radiograph, upright: _JudgedFrame, clock: Stopwatch) -> _JudgedFrame | None:
        """Looks at the turned frame; used only if every knee in it is then far more likely to be a knee."""
        least = min((one.verdict.strangeness for one in upright.knees), default=np.inf)
        for quarters in (2, 1, 3):
            looks = self._look(radiograph, clock, quarters)
            if looks.knees and all(one.verdict.stands_better(self.grader.familiar, least) for one in looks.knees):
                return looks
        return None

    def _judge(self, frame: Radiograph, roi: KneeRoi, quarters: int, clock: Stopwatch) -> _JudgedKnee:
        familiar, stored = self.grader.familiar, _as_stored(roi, frame, quarters)
        with clock("prepare"):
            small = resize(crop(frame.pixels, roi.box))
            picture = prepared(small)
        with clock("grade"):
            grade, maps = self.grader.grade(picture)
        with clock("gate"):
            impression = familiar.look(maps) if familiar else None
            around = partial(find_metal_around, frame.pixels, roi.box)
            verdict = judge_knee(stored, small, picture, impression, familiar, around=around)
        return _JudgedKnee(stored, picture, grade, maps, verdict)

    def _explain(
        self, radiograph: Radiograph, one: _JudgedKnee, alone: tuple[ReviewReason, ...], clock: Stopwatch
    ) -> GradedKnee:
        reasons = (*alone, *one.verdict.reasons, *one.grade.review_reasons)
        strangeness = float(one.verdict.strangeness) if one.verdict.impression else None
        grade = replace(one.grade, review_reasons=reasons, strangeness=strangeness)
        with clock("measure"):
            joint_space = None if one.roi.turned else measure(radiograph, one.roi)
        with clock("explain"):
            warmth = heatmap(one.maps, grade.release_kl)
        return GradedKnee(one.roi, one.crop, grade, warmth, joint_space)


@dataclass(frozen=True, slots=True, eq=False)
class _JudgedKnee:
    """One knee with its grade and the verdict of the quality gate."""

    roi: KneeRoi
    crop: Picture
    grade: Grade
    maps: FeatureMaps
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class _JudgedFrame:
    """The knees of a frame, or the reason why there are none."""

    knees: tuple[_JudgedKnee, ...] = ()
    without_knee: tuple[RefusedKnee, ...] = ()
    fault: InputRejected | None = None

    def is_settled(self, familiar: Familiar | None) -> bool:
        """Whether turning the frame would give no further information."""
        if self.fault is not None:
            return familiar is None or self.fault.code != "no_knee"
        return not all(one.verdict.may_lie_askew(familiar) for one in self.knees)


def _belonging(radiograph: Radiograph) -> AbstractContextManager[None]:
    """A plain picture names neither study nor patient."""
    return belonging_to(radiograph.study, radiograph.patient) if radiograph.format == "DICOM" else nullcontext()


def _as_stored(roi: KneeRoi, frame: Radiograph, quarters: int) -> KneeRoi:
    """The place in the stored image of what was found in a frame that is turned by this number of quarters."""
    height, width = frame.pixels.shape[:: -1 if quarters % 2 else 1]
    return as_stored(roi, quarters, height, width)


def _middle(knee: RefusedKnee) -> float:
    return knee.roi.box.x + knee.roi.box.width / 2
