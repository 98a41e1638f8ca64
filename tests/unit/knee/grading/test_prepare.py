"""Preparation is that of the training data, bit for bit, and never equalises twice."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from koa_worker.knee.grading.prepare import SIZE, Picture, crop, equalize, looks_equalized, prepare, resize
from koa_worker.values import Box

pictures = arrays(
    st.sampled_from([np.uint8, np.uint16]), array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=300)
)
boxes = st.builds(Box, *[st.integers(-400, 400)] * 2, *[st.integers(1, 500)] * 2)


def ramp(width: int = 300, height: int = 200) -> Picture:
    return np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)


def bone(seed: int = 0) -> Picture:
    """A raw crop's essentials: two bright shafts with a dark gap, air beside, faint grain."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5
    shaft = 190 * np.exp(-((columns / 0.35) ** 4)) * (1 - 0.4 * np.exp(-((rows / 0.04) ** 2)))
    grain = np.random.default_rng(seed).normal(0, 2, (SIZE, SIZE))
    return np.clip(20 + shaft + 20 * rows + grain, 0, 255).astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(pictures, boxes, st.sampled_from([True, False, None]))
def test_any_picture_and_box_gives_the_nets_square(pixels: np.ndarray, box: Box, equalized: bool | None) -> None:
    for region in (box, None):
        made = prepare(pixels, region, equalized=equalized)
        assert made.shape == (SIZE, SIZE)
        assert made.dtype == np.uint8


@settings(deadline=None, max_examples=60)
@given(pictures, boxes)
def test_a_crop_has_the_size_of_its_box(pixels: np.ndarray, box: Box) -> None:
    assert crop(pixels, box).shape == (box.height, box.width)


def test_the_box_is_cut_where_it_lies() -> None:
    assert np.array_equal(crop(ramp(), Box(30, 10, 50, 40)), ramp()[10:50, 30:80])


def test_beyond_the_edge_the_edge_goes_on() -> None:
    made = crop(ramp(), Box(-5, 190, 20, 20))
    assert np.array_equal(made[:10, 5:], ramp()[190:, :15])
    assert np.array_equal(made[:10, :5], np.repeat(ramp()[190:, :1], 5, axis=1))
    assert np.array_equal(made[10:], np.repeat(made[9:10], 10, axis=0))


def test_the_picture_itself_is_left_alone() -> None:
    pixels = ramp()
    before = pixels.copy()
    prepare(pixels, Box(0, 0, SIZE, 200), equalized=False)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    "widen", [lambda p: p, lambda p: p * 257, lambda p: p << 8, lambda p: p << 4, lambda p: p << 2]
)
def test_16_bits_give_back_an_8_bit_source(widen) -> None:
    source = bone()
    source[0, 0] = 255
    assert np.array_equal(crop(widen(source.astype(np.uint16))), source)


def test_bit_depth_is_that_of_the_whole_picture() -> None:
    pixels = np.full((100, 100), 1000, np.uint16)
    pixels[0, 0] = 4095
    assert crop(pixels, Box(50, 50, 10, 10)).max() == 1000 >> 4


def test_a_square_of_the_nets_size_is_not_resampled() -> None:
    assert np.array_equal(prepare(bone(), equalized=True), bone())


def test_shrinking_averages_areas() -> None:
    checkered = (np.indices((SIZE * 4, SIZE * 4)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert set(np.unique(resize(checkered))) <= {127, 128}


def test_equalisation_is_clahe_5_in_8_by_8_tiles() -> None:
    expected = cv2.createCLAHE(clipLimit=5, tileGridSize=(8, 8)).apply(bone())
    assert np.array_equal(prepare(bone(), equalized=False), expected)


@pytest.mark.parametrize("seed", range(5))
def test_a_prepared_picture_is_not_equalised_again(seed: int) -> None:
    once = prepare(bone(seed))
    assert not np.array_equal(once, bone(seed))
    assert np.array_equal(prepare(once), once)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_even_picture_does_not_look_equalised(level: int) -> None:
    assert not looks_equalized(np.full((SIZE, SIZE), level, np.uint8))


def read_gray(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_reference_pairs_come_out_bit_for_bit(shared: Path) -> None:
    raws = sorted((shared / "oai-raw-224" / "val").rglob("*.png"))
    assert raws
    for path in raws:
        raw, grade, split = read_gray(path), path.parent.name, path.parent.parent.name
        twin = cv2.createCLAHE(clipLimit=5, tileGridSize=(8, 8)).apply(raw)
        made = prepare(raw, equalized=False)
        assert np.array_equal(made, twin)
        published = read_gray(shared / "oai-kl-224" / split / grade / f"{path.stem}.jpg")
        assert np.abs(made.astype(int) - published).max() <= 20  # what JPEG at quality 92 loses
        assert np.abs(made.astype(int) - published).mean() <= 3


def test_raw_crops_are_told_from_equalised_ones(shared: Path) -> None:
    raws = [read_gray(path) for path in sorted((shared / "oai-raw-224" / "val").rglob("*.png"))]
    published = [read_gray(path) for path in sorted((shared / "oai-kl-224" / "val").rglob("*.jpg"))[::3]]
    assert raws
    assert published
    assert sum(map(looks_equalized, raws)) <= 0.01 * len(raws)
    assert sum(not looks_equalized(equalize(raw)) for raw in raws) <= 0.01 * len(raws)
    assert sum(not looks_equalized(picture) for picture in published) <= 0.01 * len(published)


def test_knees_of_another_hospital_are_known_as_raw(shared: Path) -> None:
    frames = [read_gray(path) for path in sorted((shared / "hospital").rglob("*.png"))]
    legs = [half for frame in frames for half in np.array_split(frame, 2 if frame.shape[1] > 500 else 1, axis=1)]
    squares = [prepare(leg, central_square(leg), equalized=True) for leg in legs]
    assert len(squares) >= 38
    assert sum(map(looks_equalized, squares)) <= 1
    assert all(looks_equalized(equalize(square)) for square in squares)


def central_square(pixels: Picture) -> Box:
    height, width = pixels.shape
    edge = min(height, width)
    return Box((width - edge) // 2, (height - edge) // 2, edge, edge)
