"""Severe knees beside healthy ones: crops set into another hospital's radiographs, and the worker's results for them.

`hospital2_boxes.csv` has the knees of the unchanged radiographs, marked by a person. A crop replaces one knee of a
bilateral radiograph: its gray level is matched and its edge feathered. Plates of even number are for choosing (with
training crops), those of odd number for judging (with validation crops).
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import halve
from koa_worker.knee.finding.roi import overlap, trace
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.judging import JudgedFrame, judge_frame
from koa_worker.values import Box, Radiograph, Study

BOXES = Path(__file__).with_name("hospital2_boxes.csv")
KINDS = {"KL 0-2": (0, 1, 2), "KL 3": (3,), "KL 4": (4,)}
FEATHER = 1 / 8
FOUND = 0.7  # IoU
BESIDE = 0.1  # IoU: a box there is of the same knee
Gray = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SetIn:
    """One image and where its knees are, the one that was set in first."""

    pixels: Gray
    placed: Box
    other: Box


def truths() -> dict[int, list[Box]]:
    """The boxes of each plate, from left to right."""
    found: defaultdict[int, list[Box]] = defaultdict(list)
    with BOXES.open(newline="") as file:
        for row in csv.DictReader(file):
            found[int(row["plate"])].append(Box(*(int(row[name]) for name in ("x", "y", "width", "height"))))
    return {plate: sorted(boxes, key=lambda box: box.x) for plate, boxes in found.items()}


@cache
def gray(path: Path) -> Gray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def pictures(data: Path, kind: str, count: int, *, judging: bool) -> list[SetIn]:
    """This number of images with a crop of this kind; the same ones on every run."""
    folder = data / "oai-raw-224" / ("val" if judging else "train")
    crops = [path for kl in KINDS[kind] for path in sorted((folder / str(kl)).glob("*.png"))]
    plates = [(plate, boxes) for plate, boxes in truths().items() if len(boxes) == 2 and plate % 2 == int(judging)]
    rng = np.random.default_rng([11, list(KINDS).index(kind), int(judging)])
    made = []
    for number in range(count):
        plate, boxes = plates[number % len(plates)]
        which, path = int(rng.integers(2)), crops[int(rng.integers(len(crops)))]
        pixels = gray(data / f"plates-hospital2/plate_{plate:03}.jpg")
        # A right knee lies left in the image, with its fibula left.
        crop = gray(path) if path.stem[-1] == "RL"[which] else gray(path)[:, ::-1]
        made.append(SetIn(set_in(pixels, boxes[which], crop), boxes[which], boxes[1 - which]))
    return made


def set_in(pixels: Gray, box: Box, crop: Gray) -> Gray:
    """The radiograph with the crop in place of the box's content."""
    top, left = max(0, box.y), max(0, box.x)
    there = pixels[top : box.y + box.height, left : box.x + box.width].astype(np.float64)
    new = cv2.resize(np.ascontiguousarray(crop), (box.width, box.height), interpolation=cv2.INTER_CUBIC)
    new = new[top - box.y :, left - box.x :][: there.shape[0], : there.shape[1]].astype(np.float64)
    (low, high), (new_low, new_high) = (np.percentile(part, [5, 95]) for part in (there, new))
    new = (new - new_low) / max(new_high - new_low, 1.0) * (high - low) + low
    down, across = (ramp(length) for length in there.shape)
    share = np.minimum.outer(down, across)
    changed = pixels.copy()
    part = changed[top : box.y + box.height, left : box.x + box.width]
    part[:] = (share * new + (1 - share) * there).clip(0, 255).astype(np.uint8)
    return changed


def ramp(length: int) -> NDArray[np.float64]:
    """A ramp from 0 at both ends to 1 an eighth of the length further in."""
    away = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.minimum(1.0, away / (FEATHER * length))


def became(judged: JudgedFrame, picture: SetIn) -> str:
    """The worker's result for the knee that was set in; a leg refused because no joint was found counts for it."""
    if judged.fault is not None:
        return "frame rejected"
    graded = [knee for knee in judged.knees if not knee.verdict.code]
    nearest = max(graded, key=lambda knee: overlap(knee.roi.box, picture.placed), default=None)
    share = overlap(nearest.roi.box, picture.placed) if nearest else 0.0
    if share >= FOUND:
        return "graded"
    if nearest is not None and share > BESIDE:
        return "graded beside, for review" if nearest.verdict.reasons else "graded beside"
    middle = picture.placed.x + picture.placed.width / 2
    refused = [*(knee.roi for knee in judged.knees if knee.verdict.code), *(leg.roi for leg in judged.without_knee)]
    in_place = any(roi.box.x <= middle <= roi.box.x + roi.box.width for roi in refused)
    return "refused in place" if in_place else "silent"


def show(data: Path, grader: Grader, count: int, *, judging: bool) -> None:
    for kind in KINDS:
        told: Counter[str] = Counter()
        kept = 0
        for picture in pictures(data, kind, count, judging=judging):
            frame = Radiograph(picture.pixels, "PNG", Study("1", "2"))
            judged = judge_frame(grader, replace(frame, half=halve(frame.pixels)), lambda _: nullcontext())
            told[became(judged, picture)] += 1
            kept += any(overlap(knee.roi.box, picture.other) >= FOUND for knee in judged.knees)
        parts = "  ".join(f"{name} {told[name]}" for name in sorted(told))
        use = "judging" if judging else "choosing"
        print(f"set in, {use}: {kind:7} of {count:4}  {parts}  (knee beside it found {kept})", flush=True)


def show_plates(data: Path) -> None:
    """The unchanged radiographs: the number of knees, and legs said to lack one."""
    right = empty = 0
    for plate, boxes in truths().items():
        pixels = gray(data / f"plates-hospital2/plate_{plate:03}.jpg")
        seen = trace(Radiograph(pixels, "PNG", Study("1", "2")))
        right += len(seen.rois) == len(boxes) and all(
            overlap(roi.box, box) >= FOUND for roi, box in zip(seen.rois, boxes, strict=True)
        )
        empty += len(seen.without_knee)
    print(f"plates of a second hospital: {right} of {len(truths())} as marked, legs said to lack a knee: {empty}")
