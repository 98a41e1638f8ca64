"""Metal is told from bone by its edges and its evenness."""

import numpy as np
import pytest

from koa_worker.knee.grading.metal import find_metal
from koa_worker.knee.grading.prepare import SIZE, Picture, crop, resize
from koa_worker.synthetic import draw, random_spec, with_implant

SEEDS = range(8)


def joints(seed: int, *, metal: bool) -> list[Picture]:
    plate = draw(random_spec(seed, longest=700))
    for knee in plate.truths if metal else ():
        plate = with_implant(plate, knee)
    return [resize(crop(plate.pixels, knee.box)) for knee in plate.truths]


@pytest.mark.parametrize("seed", SEEDS)
def test_bone_is_no_metal(seed: int) -> None:
    assert not any(find_metal(joint).clear for joint in joints(seed, metal=False))


def test_a_prosthesis_is_metal() -> None:
    found = [find_metal(joint) for seed in SEEDS for joint in joints(seed, metal=True)]
    assert all(metal.suspected for metal in found)
    assert np.mean([metal.clear for metal in found]) > 0.8


def test_a_lead_letter_in_the_corner_is_none() -> None:
    (joint, *_) = joints(0, metal=False)
    joint[4:20, 4:20] = 255
    assert not find_metal(joint).suspected


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_crop_is_none(level: int) -> None:
    assert not find_metal(np.full((SIZE, SIZE), level, np.uint8)).suspected
