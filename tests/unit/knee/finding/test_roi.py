"""Knees are found on drawn and real plates, crops come back whole, nothing crashes and no side is guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from koa_worker.errors import InputRejected
from koa_worker.knee.finding.density import halve, measure
from koa_worker.knee.finding.draw_roi import draw as draw_trace
from koa_worker.knee.finding.joint import Joint, refine, search
from koa_worker.knee.finding.roi import (
    FAR_BEHIND,
    PAIR,
    alike,
    choose,
    find_knees,
    overlap,
    shifted_inside,
    square,
    trace,
)
from koa_worker.synthetic import Plate, crop, draw, random_knee, random_spec
from koa_worker.values import Box, GrayImage, KneeRoi, Laterality, Radiograph, Side, Study

SEEDS = range(12)
DARK = measure(np.zeros((400, 400), np.uint8))
PLATES = {"kl1": (865, 1265, 470), "kl3": (750, 1245, 575)}  # read by eye: middle of the joint, plateau


def radiograph(pixels: GrayImage, laterality: Laterality = Laterality.UNKNOWN, zero: str = "") -> Radiograph:
    return Radiograph(pixels, "PNG", Study("1", "2"), laterality=laterality, column_zero_side=zero)


def gray(path: Path) -> GrayImage:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def read_by_eye(name: str) -> Box:
    x, y, plateau = PLATES[name]
    side = round(1.2 * plateau)
    return Box(x - side // 2, y - side // 2, side, side)


@pytest.fixture(scope="module")
def plates() -> list[Plate]:
    return [draw(random_spec(seed, longest=700)) for seed in SEEDS]


def shares(rois: tuple[KneeRoi, ...], plate: Plate) -> list[float]:
    return [overlap(roi.box, knee.box) for roi, knee in zip(rois, plate.truths, strict=True)]


def test_drawn_knees_are_found(plates: list[Plate]) -> None:
    found = [share for plate in plates for share in shares(find_knees(radiograph(plate.pixels)), plate)]
    assert min(found) > 0.7
    assert np.mean(np.array(found) > 0.8) >= 0.9


def test_the_frames_half_changes_no_digit_of_a_joint() -> None:
    plate = draw(random_spec(3, longest=1400))
    half, (joint, *_) = halve(plate.pixels), trace(radiograph(plate.pixels)).joints
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        moved = replace(joint, x=joint.x + right, y=joint.y + down)
        assert refine(plate.pixels, moved, half) == refine(plate.pixels, moved)


@pytest.mark.parametrize("change", ["8 bit", "10 bit", "gamma", "mirrored", "letterboxed"])
def test_what_a_console_does_to_a_plate_changes_nothing(plates: list[Plate], change: str) -> None:
    plate = next(plate for plate in plates if len(plate.truths) == 2)
    before = find_knees(radiograph(plate.pixels))
    light = plate.pixels / 65535
    changes: dict[str, GrayImage] = {
        "8 bit": (light * 255).astype(np.uint8),
        "10 bit": (light * 1023).astype(np.uint16),
        "gamma": (light**1.6 * 60000).astype(np.uint16),
        "mirrored": np.ascontiguousarray(plate.pixels[:, ::-1]),
        "letterboxed": np.pad(plate.pixels, ((40, 40), (0, 0))),
    }
    changed = changes[change]
    after = [roi.box for roi in find_knees(radiograph(changed))]
    if change == "mirrored":
        width = plate.pixels.shape[1]
        after = [Box(width - box.x - box.width, box.y, box.width, box.height) for box in reversed(after)]
    if change == "letterboxed":
        after = [Box(box.x, box.y - 40, box.width, box.height) for box in after]
    assert len(after) == 2
    assert all(overlap(roi.box, box) > 0.8 for roi, box in zip(before, after, strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_a_crop_comes_back_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (roi,) = find_knees(radiograph(crop(random_knee(rng, Side.LEFT)).pixels, Laterality.LEFT))
    assert roi == KneeRoi(Box(0, 0, 224, 224), Side.LEFT, whole_frame=True)


def test_sides_follow_the_file(plates: list[Plate]) -> None:
    both = next(plate for plate in plates if len(plate.truths) == 2)
    right_first = find_knees(radiograph(both.pixels, Laterality.BOTH, "R"))
    assert [roi.side for roi in right_first] == [Side.RIGHT, Side.LEFT]
    assert right_first[0].box.x < right_first[1].box.x
    one = next(plate for plate in plates if len(plate.truths) == 1)
    assert [roi.side for roi in find_knees(radiograph(one.pixels, Laterality.RIGHT))] == [Side.RIGHT]
    assert [roi.side for roi in find_knees(radiograph(one.pixels))] == [Side.UNKNOWN]


@pytest.mark.parametrize("pixels", [np.zeros((300, 200), np.uint8), np.full((300, 200), 4000, np.uint16)])
def test_an_even_picture_is_blank(pixels: GrayImage) -> None:
    with pytest.raises(InputRejected) as raised:
        find_knees(radiograph(pixels))
    assert raised.value.code == "blank"


def test_grain_is_no_contents() -> None:
    grain = np.random.default_rng(1).normal(3000, 60, (900, 700)).astype(np.uint16)
    with pytest.raises(InputRejected) as raised:
        find_knees(radiograph(grain))
    assert raised.value.code == "blank"


def test_a_gradient_is_no_knee() -> None:
    ramp = np.tile(np.linspace(0, 255, 500), (400, 1)).astype(np.uint8)
    with pytest.raises(InputRejected) as raised:
        find_knees(radiograph(ramp))
    assert raised.value.code == "no_knee"
    assert raised.value.detail


def test_a_knee_of_few_pixels_is_too_small(plates: list[Plate]) -> None:
    plate = next(plate for plate in plates if len(plate.truths) == 1 and plate.pixels.shape[0] > plate.pixels.shape[1])
    stamp = cv2.resize(plate.pixels, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    with pytest.raises(InputRejected) as raised:
        find_knees(radiograph(np.asarray(stamp)))
    assert raised.value.code == "too_small"


@settings(deadline=None, max_examples=60)
@given(arrays(st.sampled_from([np.uint8, np.uint16]), array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90)))
def test_no_picture_is_too_odd(pixels: GrayImage) -> None:
    frame = radiograph(pixels)
    seen = trace(frame)
    assert seen.fault is not None or seen.rois
    assert draw_trace(frame, seen).ndim == 3


def test_only_joints_that_are_never_chosen_are_left_out(plates: list[Plate]) -> None:
    left_out = 0
    for plate in plates:
        densities = measure(plate.pixels)
        every, needed = search(densities), search(densities, FAR_BEHIND)
        least = every[0].score - FAR_BEHIND
        assert [joint for joint in needed if joint.score >= least] == [joint for joint in every if joint.score >= least]
        left_out += len(every) - len(needed)
    assert left_out


def test_the_other_knee_is_beside_as_high_and_as_large() -> None:
    knee = Joint(100, 100, 80, 0.1)
    compartment, above, small = Joint(140, 100, 78, 0.0), Joint(220, 300, 80, 0.0), Joint(220, 100, 40, 0.0)
    other = Joint(250, 110, 75, -0.2)
    assert choose((knee, compartment, above, small), DARK)[0] == (knee,)
    assert choose((knee, compartment, above, small, other), DARK)[0] == (knee, other)
    assert choose((Joint(250, 110, 75, 0.2), knee), DARK)[0] == (knee, Joint(250, 110, 75, 0.2))


def test_a_compartment_gives_way_to_its_joint() -> None:
    compartment, joint = Joint(70, 100, 50, -0.3), Joint(100, 102, 120, -0.5)
    assert choose((compartment, joint), DARK)[0] == (joint,)
    assert choose((compartment, Joint(100, 102, 120, -0.9)), DARK)[0] == (compartment,)


def test_a_plateau_is_about_as_wide_as_the_clearer_one_beside_it() -> None:
    clear, faint = Joint(100, 200, 80, 0.1), Joint(300, 205, 50, -0.4)
    one, other = alike((clear, faint))
    assert one == clear
    assert (other.x, other.y, other.plateau) == (faint.x, faint.y, 80 / PAIR)
    assert alike((clear, Joint(300, 205, 85, -0.4))) == (clear, Joint(300, 205, 85, -0.4))
    assert alike((faint,)) == (faint,)
    assert alike((clear, Joint(300, 205, 50, 0.05))) == (clear, Joint(300, 205, 50, 0.05)), "as clear ones may be"


def test_a_box_goes_inside_where_it_fits() -> None:
    assert shifted_inside(Box(-20, 90, 100, 100), 300, 160) == Box(0, 60, 100, 100)
    assert shifted_inside(Box(-20, -30, 200, 200), 300, 160) == Box(0, -30, 200, 200)
    assert square(Joint(99.5, 99.5, 100, 0.0)) == Box(38, 32, 125, 125)


def test_real_plates(shared: Path) -> None:
    frames = {name: gray(shared / f"plates/{name}.jpg") for name in PLATES}
    for name, pixels in frames.items():
        (roi,) = find_knees(radiograph(pixels))
        assert overlap(roi.box, read_by_eye(name)) > 0.85
    right, left = find_knees(radiograph(np.hstack([frames["kl1"], frames["kl3"]]), Laterality.BOTH, "R"))
    shift = frames["kl1"].shape[1]
    assert overlap(right.box, read_by_eye("kl1")) > 0.85
    assert overlap(Box(left.box.x - shift, left.box.y, left.box.width, left.box.height), read_by_eye("kl3")) > 0.85
    assert (right.side, left.side) == (Side.RIGHT, Side.LEFT)


def test_another_hospitals_strips_have_their_knees(shared: Path) -> None:
    right = 0
    for path in sorted((shared / "hospital").glob("*/*.png")):
        pixels = gray(path)
        seen = trace(radiograph(pixels))
        right += seen.fault is None and len(seen.rois) == (2 if pixels.shape[1] > 400 else 1)
    assert right >= 37


def test_real_crops_come_back_whole(shared: Path) -> None:
    paths = sorted((shared / "oai-raw-224").glob("*/*/*.png"))[::9]
    assert np.mean([comes_back_whole(radiograph(gray(path))) for path in paths]) >= 0.99


def comes_back_whole(frame: Radiograph) -> bool:
    """A crop in which a smaller knee is looked for does not, even if that one is then refused for its size."""
    try:
        return all(roi.whole_frame for roi in find_knees(frame))
    except InputRejected:
        return False


def test_the_trace_is_drawn(plates: list[Plate]) -> None:
    frame = radiograph(plates[0].pixels)
    seen = trace(frame)
    picture = draw_trace(frame, seen)
    assert picture.dtype == np.uint8
    green = (picture == (90, 220, 90)).all(axis=2)
    box, factor = seen.rois[0].box, 2 * seen.densities.scale
    row, column = round((box.y + box.height / 2) * factor), round(box.x * factor)
    assert green[row, column - 3 : column + 4].any()


def test_the_picture_shows_where_metal_is(plates: list[Plate]) -> None:
    frame = radiograph(plates[0].pixels)
    seen = trace(frame)
    box, factor = seen.rois[0].box, 2 * seen.densities.scale
    left, top = box.x + box.width / 4, box.y + box.height / 4
    line = ((left, top), (left + box.width / 2, top), (left, top + box.height / 2))
    picture = draw_trace(frame, seen, [line])
    assert picture.shape[0] > draw_trace(frame, seen).shape[0]  # and a line of words says so
    x, y = round((left + box.width / 4) * factor), round(top * factor)
    assert (picture[y - 2 : y + 3, x] == (70, 70, 240)).all(axis=1).any()


def test_a_negative_of_a_crop_comes_back_whole_too() -> None:
    pixels = crop(random_knee(np.random.default_rng(3), Side.RIGHT)).pixels
    (roi,) = find_knees(radiograph(np.asarray(pixels.max() - pixels)))
    assert roi.whole_frame
