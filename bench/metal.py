"""`python -m bench.metal DATA`: how many implants are refused if the limits for metal have never seen them.

The limits are chosen on every other implant and on 750 raw training crops without metal, by rule and not by eye, and
held against the implants in between; then the other way round. What stays is that the kind of evidence, bright and even
with a sharp rim, was thought up with these twenty in view.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from bench.gate import tally
from koa_worker.config import Config
from koa_worker.errors import InputRejected
from koa_worker.knee.finding.roi import find_knees
from koa_worker.knee.grading import metal
from koa_worker.knee.grading.metal import Metal, find_metal
from koa_worker.knee.grading.prepare import crop, resize
from koa_worker.pipeline import Pipeline
from training.data.crops import radiograph_of

STEPS = np.arange(0.16, 0.44, 0.01)  # of a rim
SPREADS = np.arange(0.02, 0.09, 0.005)  # of the levels
SUSPECTED = 0.01  # of knees without metal, which their look acquits

Bounds = tuple[float, float]


def choose(with_metal: Sequence[Metal], without: Sequence[Metal], acquitted: float) -> Bounds:
    """The middle of the bounds that catch most metal while so few knees without any are taken for it."""
    best: list[Bounds] = []
    most = -1
    for step, spread in itertools.product(STEPS, SPREADS):
        if sum(_within(one, (step, spread)) for one in without) > acquitted * len(without):
            continue
        caught = sum(_within(one, (step, spread)) for one in with_metal)
        if caught > most:
            most, best = caught, []
        if caught == most:
            best.append((float(step), float(spread)))
    step, spread = np.median(best, axis=0)
    return float(step), float(spread)


def _within(one: Metal, bounds: Bounds) -> bool:
    return one.step >= bounds[0] and one.spread <= bounds[1]


@contextmanager
def limits(clear: Bounds, suspected: Bounds) -> Iterator[None]:
    """The worker with other limits."""
    kept = metal.STEEP, metal.EVEN, metal.LESS_STEEP, metal.VERY_EVEN
    metal.STEEP, metal.EVEN, metal.LESS_STEEP, metal.VERY_EVEN = *clear, *suspected
    try:
        yield
    finally:
        metal.STEEP, metal.EVEN, metal.LESS_STEEP, metal.VERY_EVEN = kept


def in_file(path: Path) -> Metal:
    """What looks most like metal in any of a file's knees; nothing where no knee is found."""
    radiograph = radiograph_of(path)
    try:
        rois = find_knees(radiograph)
    except InputRejected:
        return Metal()
    found = [find_metal(resize(crop(radiograph.pixels, roi.box))) for roi in rois]
    return max(found, key=lambda one: one.step)


def main() -> None:
    data = Path(sys.argv[1])
    cv2.setNumThreads(1)
    pipeline = Pipeline.load(Config())
    without = [find_metal(resize(crop(radiograph_of(path).pixels))) for path in data.glob("oai-raw-224/train/*/*")]
    implants = sorted(data.glob("ood/prosthesis/*"))
    knees = [*sorted(data.glob("oai-raw-224/val/*/*")), *sorted(data.glob("plates/*")), *data.glob("hospital/*/*")]
    for half in (0, 1):
        seen = [in_file(path) for path in implants[half::2]]
        clear, suspected = choose(seen, without, 0), choose(seen, without, SUSPECTED)
        with limits(clear, suspected):
            held_out, others = (tally(pipeline, iter(files)) for files in (implants[1 - half :: 2], knees))
        print(
            f"limits {clear[0]:.2f}, {clear[1]:.3f}; {suspected[0]:.2f}, {suspected[1]:.3f}: "
            f"{held_out.turned_away} of {held_out.files} held-out implants refused, graded "
            f"{', '.join(held_out.graded) or 'none'}; {others.turned_away} of {others.files} knees refused"
        )


if __name__ == "__main__":
    main()
