"""The tilt of the plateau: it follows the picture, whatever its size, exposure and sign."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from koa_worker.knee.grading.prepare import Picture, prepare
from koa_worker.knee.joint_space.tilt import MOST, tilt
from koa_worker.synthetic import KneeSpec, PlateSpec, draw
from koa_worker.values import Side


def square(leg: float = 0.0) -> Picture:
    knee = KneeSpec(Side.RIGHT, 1, tilt_deg=leg)
    drawn = draw(PlateSpec(1000, 1000, 0.15, (knee,), letters=False, seed=5))
    return prepare(drawn.pixels, drawn.truths[0].box)


def turned(picture: Picture, degrees: float) -> Picture:
    """Anticlockwise, so that the right side rises."""
    turn = cv2.getRotationMatrix2D((111.5, 111.5), degrees, 1.0)
    return np.asarray(cv2.warpAffine(picture, turn, (224, 224), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("leg", [-5.0, 5.0])
def test_it_grows_with_the_lean_of_the_leg_to_the_right(leg: float) -> None:
    assert tilt(square(leg)) - tilt(square()) == pytest.approx(leg, abs=0.7)


@pytest.mark.parametrize("degrees", [-6.0, -3.0, -1.0, 1.0, 3.0, 6.0])
def test_it_falls_by_the_angle_by_which_the_right_side_is_raised(degrees: float) -> None:
    upright = square()
    assert tilt(turned(upright, degrees)) == pytest.approx(tilt(upright) - degrees, abs=0.7)


def test_it_is_that_of_the_mirror_image_with_the_other_sign() -> None:
    falling = turned(square(), -4)
    assert tilt(np.ascontiguousarray(falling[:, ::-1])) == pytest.approx(-tilt(falling), abs=0.7)


def test_a_negative_has_the_tilt_of_its_positive() -> None:
    falling = turned(square(), -4)
    assert tilt(255 - falling) == pytest.approx(tilt(falling), abs=0.01)


@pytest.mark.parametrize("picture", [np.zeros((224, 224), np.uint8), np.full((224, 224), 255, np.uint8)])
def test_an_empty_picture_is_not_turned(picture: Picture) -> None:
    assert tilt(picture) == pytest.approx(0, abs=0.01)


def test_what_is_no_knee_is_turned_by_no_more_than_a_knee_may_be() -> None:
    chance = np.random.default_rng(0)
    found = [tilt(chance.integers(0, 256, (224, 224), np.uint8)) for _ in range(20)]
    assert max(map(abs, found)) <= MOST
    assert len(set(found)) > 1
