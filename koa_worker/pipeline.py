"""The only place that composes the stages: one file in, one outcome out. It reads top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from koa_worker.config import Config, Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.knee.explain import heatmap
from koa_worker.knee.grade import Grader, model_folder
from koa_worker.knee.prepare import prepare
from koa_worker.knee.roi import find_knees
from koa_worker.read import identify, read
from koa_worker.values import Arrival, Completed, Failed, KneeRoi, Outcome, Radiograph, Reading, Rejected

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage, summed over the knees of a file."""

    spent_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A loaded model and the limits that apply to each file."""

    grader: Grader
    limits: Limits

    @classmethod
    def load(cls, config: Config) -> Pipeline:
        grader = Grader.load(model_folder(config.model.path), config.model.review_confidence)
        return cls(grader, config.limits)

    def process(self, arrival: Arrival) -> Outcome:
        """Reads, finds the knees, grades and explains each; whatever happens becomes an outcome."""
        clock = Stopwatch()
        try:
            with clock("read"):
                radiograph = read(arrival, self.limits)
            with clock("roi"):
                rois = find_knees(radiograph)
            readings = tuple(self._read_knee(radiograph, roi, clock) for roi in rois)
        except InputRejected as fault:
            study, patient = identify(arrival) or (None, None)
            return Rejected(arrival, fault.code, fault.detail, study, patient)
        except WorkFailed as fault:
            return Failed(arrival, fault.code, fault.detail)
        except MemoryError:
            return Failed(arrival, "out_of_memory", "")
        # One file must never stop the others, whatever a decoder or a library does with it.
        except Exception as fault:
            logger.exception("stage broke", extra={"file": arrival.id})
            return Failed(arrival, "internal", type(fault).__name__)
        return Completed(arrival, radiograph, readings, clock.spent_ms)

    def _read_knee(self, radiograph: Radiograph, roi: KneeRoi, clock: Stopwatch) -> Reading:
        with clock("prepare"):
            crop = prepare(radiograph.pixels, roi.box)
        with clock("grade"):
            grade, maps = self.grader.grade(crop)
        with clock("explain"):
            warmth = heatmap(maps, grade.kl)
        return Reading(roi, crop, grade, warmth)
