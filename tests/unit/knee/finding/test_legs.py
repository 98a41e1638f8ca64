"""Each leg that a frame shows has a knee of its own, or is said to lack one; a sliver or a border is no leg."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from koa_worker.knee.finding import legs
from koa_worker.knee.finding.density import measure
from koa_worker.knee.finding.legs import rest_of_frame
from koa_worker.knee.finding.roi import find_knees, overlap, trace
from koa_worker.synthetic import Plate, PlateSpec, draw, random_knee
from koa_worker.values import Box, GrayImage, Laterality, Radiograph, Side, Study


def radiograph(pixels: GrayImage, laterality: Laterality = Laterality.UNKNOWN, zero: str = "") -> Radiograph:
    return Radiograph(pixels, "PNG", Study("1", "2"), laterality=laterality, column_zero_side=zero)


def bilateral(seed: int, severity: float = 0.0) -> Plate:
    """A right knee without wear and a left one as worn as that; bone on bone where it is 4."""
    rng = np.random.default_rng(seed)
    right = random_knee(rng, Side.RIGHT, severity=0.0, centre=(0.27, 0.5))
    left = random_knee(rng, Side.LEFT, severity=severity, centre=(0.73, 0.52))
    left = replace(left, plateau_mm=right.plateau_mm)
    if severity == 4:
        left = replace(left, medial_mm=0.3, lateral_mm=0.6)
    return draw(PlateSpec(height=520, width=700, spacing_mm=0.6, knees=(right, left), seed=seed))


def without_joint(plate: Plate) -> GrayImage:
    """The plate with the left leg's shaft in place of its knee, from the lowest row to the highest."""
    pixels, box = plate.pixels.copy(), plate.truths[1].box
    middle = pixels.shape[1] // 2
    pixels[:, middle:] = pixels[min(pixels.shape[0] - 1, box.y + box.height + box.height // 3), middle:]
    return pixels


@pytest.mark.parametrize("seed", range(6))
def test_bone_on_bone_is_found_beside_a_healthy_knee(seed: int) -> None:
    plate = bilateral(seed, severity=4)
    rois = find_knees(radiograph(plate.pixels))
    assert len(rois) == 2
    assert min(overlap(roi.box, knee.box) for roi, knee in zip(rois, plate.truths, strict=True)) > 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_leg_without_a_joint_is_said_and_keeps_its_side(seed: int) -> None:
    plate = bilateral(seed)
    seen = trace(radiograph(without_joint(plate), zero="R"))
    (roi,), (empty,) = seen.rois, seen.without_knee
    assert (roi.side, empty.side) == (Side.RIGHT, Side.LEFT)
    box, knee = empty.box, plate.truths[1].box
    assert box.x < knee.x + knee.width / 2 < box.x + box.width


@pytest.mark.parametrize("what", ["one leg", "sliver", "border"])
def test_what_is_no_leg_is_not_called_one(what: str) -> None:
    plate = bilateral(1)
    middle = plate.pixels.shape[1] // 2
    pixels = plate.pixels[:, :middle].copy()
    if what == "sliver":
        first = plate.truths[1].box.x
        pixels = plate.pixels[:, : first + plate.truths[1].box.width // 6].copy()
    if what == "border":
        pixels = np.pad(pixels, ((0, 0), (0, plate.truths[0].box.width)), constant_values=int(pixels.max()))
    seen = trace(radiograph(pixels))
    assert (len(seen.rois), seen.without_knee) == (1, ())


def test_a_header_that_names_both_knees_is_believed() -> None:
    plate = bilateral(1)
    pixels = plate.pixels[:, : plate.pixels.shape[1] // 2]
    seen = trace(radiograph(np.ascontiguousarray(pixels), Laterality.BOTH, "R"))
    (roi,), (other,) = seen.rois, seen.without_knee
    assert (roi.side, other.side) == (Side.UNKNOWN, Side.UNKNOWN)


def test_the_other_leg_lies_where_its_bone_does() -> None:
    plate = bilateral(2)
    densities = measure(plate.pixels)
    first = trace(radiograph(plate.pixels)).joints[0].scaled(densities.scale)
    leg = legs.beside(densities, first)
    knee = plate.truths[1].box
    assert leg is not None
    assert leg.holds((knee.x + knee.width / 2) * densities.scale)
    assert not leg.holds(first.x)


def test_the_rest_of_a_frame_is_its_larger_part() -> None:
    frame = np.zeros((50, 300), np.uint8)
    assert rest_of_frame(frame, Box(10, 0, 50, 50)) == Box(60, 0, 240, 50)
    assert rest_of_frame(frame, Box(200, 0, 90, 50)) == Box(0, 0, 200, 50)
