"""The only place that composes the stages: one file in, one outcome out. It reads top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from koa_worker.config import Config, Limits
from koa_worker.errors import OWN_RESULT, InputRejected, WorkFailed, belonging_to
from koa_worker.knee.finding.density import halve
from koa_worker.knee.grading import review
from koa_worker.knee.grading.explain import heatmap
from koa_worker.knee.grading.grade import Grader, model_folder
from koa_worker.knee.grading.quality import check_frame
from koa_worker.knee.joint_space.measure import measure
from koa_worker.knee.judging import JudgedKnee, judge_frame
from koa_worker.read import read
from koa_worker.values import (
    Arrival,
    Completed,
    Failed,
    GradedKnee,
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

        `data` are the bytes that were hashed, if they are in memory already.
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
        looks = judge_frame(self.grader, radiograph, clock)
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

    def _explain(
        self, radiograph: Radiograph, one: JudgedKnee, alone: tuple[ReviewReason, ...], clock: Stopwatch
    ) -> GradedKnee:
        reasons = (*alone, *one.verdict.reasons, *one.grade.review_reasons)
        strangeness = float(one.verdict.strangeness) if one.verdict.impression else None
        grade = replace(one.grade, review_reasons=reasons, strangeness=strangeness)
        with clock("measure"):
            joint_space = None if one.roi.turned else measure(radiograph, one.roi)
        with clock("explain"):
            warmth = heatmap(one.maps, grade.release_kl)
        return GradedKnee(one.roi, one.crop, grade, warmth, joint_space)


def _belonging(radiograph: Radiograph) -> AbstractContextManager[None]:
    """A plain picture names neither study nor patient."""
    return belonging_to(radiograph.study, radiograph.patient) if radiograph.format == "DICOM" else nullcontext()


def _middle(knee: RefusedKnee) -> float:
    return knee.roi.box.x + knee.roi.box.width / 2
