"""Crops as other consoles show them, and metal over them."""

from __future__ import annotations

import numpy as np
import pytest

from koa_worker.knee.grading.prepare import SIZE, looks_equalized
from training.data.crops import Crop
from training.releasing import consoles
from training.releasing.nonknees.implants import over
from training.releasing.nonknees.joints import ankle
from training.releasing.nonknees.projections import lateral, skyline


def test_raw_crops_are_kept_beside_the_prepared_ones(crops: list[Crop]) -> None:
    assert all(crop.raw is not None and not np.array_equal(crop.raw, crop.picture) for crop in crops)


def test_another_console_changes_the_exposure_and_not_what_is_seen(crops: list[Crop]) -> None:
    chance = np.random.default_rng(1)
    for crop in crops[:8]:
        assert crop.raw is not None
        changed = consoles.exposed(crop.raw, chance)
        assert (changed.shape, changed.dtype) == ((SIZE, SIZE), np.uint8)
        assert not np.array_equal(changed, crop.raw)
        assert np.corrcoef(changed.ravel(), crop.raw.ravel())[0, 1] > 0.6
        again = [consoles.shown(crop.raw, np.random.default_rng(2)) for _ in range(2)]
        assert np.array_equal(*again)


def test_metal_is_brighter_than_the_bone_beside_it(crops: list[Crop]) -> None:
    chance = np.random.default_rng(4)
    for crop in crops[:8]:
        assert crop.raw is not None
        picture, mask = over(crop.raw, chance)
        if mask.any():
            assert np.median(picture[mask]) > np.percentile(picture[~mask], 60)


@pytest.mark.parametrize("draw", [lateral, skyline, ankle])
def test_other_views_and_joints_are_drawn_and_equalised(draw, crops: list[Crop]) -> None:
    made = [draw(crop.picture, np.random.default_rng(3)) for crop in crops[:4]]
    assert all((one.shape, one.dtype) == ((SIZE, SIZE), np.uint8) for one in made)
    assert not np.array_equal(made[0], made[1])
    assert np.mean([looks_equalized(one) for one in made]) >= 0.5
