"""Density classes, runs of tissue and the working copy, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from koa_worker.knee.finding.density import contrast, halve, measure, percentiles, runs, shrink, solid, three_classes


def leg(height: int = 400, width: int = 300) -> np.ndarray:
    """Air 20, a soft leg 120 between columns 60 and 240, a bone 200 between 110 and 190."""
    picture = np.full((height, width), 20, np.uint8)
    picture[:, 60:240] = 120
    picture[:, 110:190] = 200
    return picture


def test_three_levels_are_parted() -> None:
    levels = np.repeat(np.array([0.1, 0.45, 0.9], np.float32), 500).reshape(30, 50)
    air, bone = three_classes(levels)
    assert 0.1 < air <= 0.45 < bone <= 0.9


def test_markers_belong_to_no_class() -> None:
    levels = np.random.default_rng(1).uniform(0, 1, (40, 50)).astype(np.float32)
    markers = np.repeat(np.array([[1.0, 1.05, 1.1]], np.float32), 40, axis=0)
    assert three_classes(np.hstack([levels, *[markers] * 9])) == three_classes(levels)


def test_a_leg_is_tissue_whatever_the_exposure() -> None:
    for pixels in (leg(), leg().astype(np.uint16) * 15, (255 * (leg() / 255) ** 2).astype(np.uint8)):
        seen = measure(pixels)
        middle = seen.tissue[seen.tissue.shape[0] // 2]
        inside = np.flatnonzero(middle) / seen.scale
        assert inside[0] == pytest.approx(60, abs=3)
        assert inside[-1] == pytest.approx(239, abs=3)


@pytest.mark.parametrize("pixels", [1, 2, 7, 256, 4999])
def test_percentiles_are_those_of_numpy_to_the_last_digit(pixels: int) -> None:
    random = np.random.default_rng(pixels)
    for levels in (random.uniform(0, 65535, pixels), random.integers(0, 255, pixels), np.full(pixels, 7)):
        image = levels.astype(np.float32).reshape(1, -1)
        for shares in ((1.0, 99.5), (2.0, 98.0), (2.0, 99.7)):
            assert percentiles(image, *shares) == np.percentile(image, shares).tolist()


def test_runs_count_each_rows_tissue() -> None:
    mask = np.array([[0, 1, 1, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], dtype=bool)
    assert runs(mask).tolist() == [[0, 2, 2, 0, 1], [5, 5, 5, 5, 5], [0, 0, 0, 0, 0]]


def test_a_joint_space_does_not_part_the_tissue() -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[:, 50:150] = True
    mask[100:106] = False
    assert solid(mask)[50:150, 60:140].all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 1300), (2320, 2828), (641, 333)])
def test_the_working_copy_keeps_proportions_and_levels(shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 700, np.uint16)
    small, scale = shrink(pixels, side=320)
    assert max(small.shape) <= 321
    assert (small == 700).all()
    assert all(abs(got - length * scale) < 1.5 for got, length in zip(small.shape, shape, strict=True) if length > 50)


def test_grain_has_no_contrast() -> None:
    grain = np.random.default_rng(0).normal(100, 15, (320, 320)).astype(np.float32)
    assert contrast(grain) < 0.05 < contrast(leg().astype(np.float32))


@pytest.mark.parametrize("size", [(900, 700), (641, 1203), (2, 2000), (1, 2000), (300, 200)])
def test_a_half_that_is_there_already_gives_the_same_working_copy(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, size, dtype=np.uint16)
    plain, scale = shrink(pixels)
    quick, same = shrink(pixels, half=halve(pixels))
    assert scale == same
    assert np.array_equal(plain, quick)
