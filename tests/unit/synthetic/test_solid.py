"""Outlines become maps to a small part of a pixel."""

import numpy as np
import pytest

from koa_worker.synthetic import solid


def _circle(x: float, y: float, radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.8])
def test_depth_is_the_distance_to_the_outline(shift: float) -> None:
    found = solid.depth(_circle(40 + shift, 45, 25.3), 100, 100, 5)
    assert found is not None
    y, x = np.mgrid[: found.window.height, : found.window.width]
    true = 25.3 - np.hypot(x + found.window.x - 40 - shift, y + found.window.y - 45)
    deep = true > 1.5
    # From edge pixel to pixel the distance errs a little either way, with no lean inwards or outwards.
    error = (found.below - true)[deep]
    assert abs(float(error.mean())) < 0.06
    assert float(error.std()) < 0.2
    assert float(np.abs(error).max()) < 0.9


def test_coverage_has_the_shapes_area_and_middle() -> None:
    covered = solid.coverage(_circle(30.4, 28.7, 12.0), 64, 64)
    assert covered is not None
    window, inside = covered
    y, x = np.mgrid[: window.height, : window.width]
    assert inside.sum() == pytest.approx(np.pi * 144, rel=0.003)
    assert np.average(x + window.x, weights=inside) == pytest.approx(30.4, abs=0.05)
    assert np.average(y + window.y, weights=inside) == pytest.approx(28.7, abs=0.05)


def test_what_misses_the_plate_is_left_out() -> None:
    assert solid.depth(_circle(-80, 20, 10), 64, 64, 5) is None
    assert solid.coverage(_circle(20, 300, 10), 64, 64) is None


def test_cortex_is_brightest_just_inside_the_outline() -> None:
    below = np.linspace(0.25, 40, 80, dtype=np.float32)[None]
    column = np.ones((1, 1), np.float32)
    spongy, hard = solid.bone(below, 30 * column, 25 * column, 4 * column)
    assert 3 < below[0, int(hard.argmax())] < 5
    assert spongy[0, 0] == 0
    assert np.all(np.diff(spongy[0]) >= 0)
    assert (spongy + hard)[0, -1] == pytest.approx(25, rel=0.01)
