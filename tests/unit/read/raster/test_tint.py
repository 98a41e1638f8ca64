"""Photographs have colours, films have a tint."""

import numpy as np
import pytest

from koa_worker.read.raster.colour import coloured


@pytest.fixture
def film() -> np.ndarray:
    rows, columns = np.mgrid[0:300, 0:200]
    gray = (127 + 60 * np.sin(rows / 30) + 60 * np.cos(columns / 20)).astype(np.uint8)
    return np.dstack([gray, gray, gray])


def test_gray_has_no_colour(film):
    assert coloured(film) == 0.0


@pytest.mark.parametrize("tint", [(1.0, 0.9, 0.7), (0.7, 0.85, 1.0)])
def test_a_tint_of_the_whole_is_no_colour(film, tint):
    assert coloured((film * tint).astype(np.uint8)) < 0.01


def test_a_coloured_letter_is_a_small_share(film):
    film[10:40, 10:30] = (255, 40, 40)
    assert 0.005 < coloured(film) < 0.03


def test_a_photograph_is_coloured(film):
    film[100:] = np.roll(film[100:], 25, axis=0) * np.array([1.0, 0.4, 0.1])
    film[:100, :, 0] //= 3
    assert coloured(film.astype(np.uint8)) > 0.3


def test_sixteen_bits_count_alike(film):
    film[:100, :, 0] //= 3
    assert coloured(film) == pytest.approx(coloured(film.astype(np.uint16) * 257))
