"""Augmentation: the same for the same chance, right in size, and doing what its names say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from koa_worker.knee.grading.prepare import equalize, prepare
from training.fitting.augment import LEVELS, NONE, Augmentation, augment, augment_raw, enlarge


@pytest.fixture
def knee() -> np.ndarray:
    """A smooth picture with a bright mark left of the middle."""
    down, across = np.mgrid[0:224, 0:224]
    picture = 90 + 60 * np.sin(down / 25) + 20 * np.cos(across / 40)
    picture[100:124, 40:64] = 250
    return picture.astype(np.uint8)


def bright_middle(picture: np.ndarray) -> np.ndarray:
    """The centre of the mark, down and across, as shares of the size."""
    rows, columns = np.nonzero(picture > 200)
    return np.array([rows.mean(), columns.mean()]) / picture.shape[0]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [96, 224])
def test_size_type_and_repeatability(knee: np.ndarray, level: str, size: int) -> None:
    for seed in range(20):
        one = augment(knee, np.random.default_rng(seed), LEVELS[level], size)
        other = augment(knee, np.random.default_rng(seed), LEVELS[level], size)
        assert one.shape == (size, size)
        assert one.dtype == np.uint8
        assert np.array_equal(one, other)


def test_none_changes_nothing(knee: np.ndarray) -> None:
    given = knee.copy()
    changed = augment(knee, np.random.default_rng(0), NONE, 224)
    assert np.abs(changed.astype(int) - knee).max() <= 1
    assert np.array_equal(knee, given)


def test_mirror_mirrors(knee: np.ndarray) -> None:
    changed = augment(knee, np.random.default_rng(0), replace(NONE, mirror=1.0), 224)
    assert np.abs(changed.astype(int) - knee[:, ::-1]).max() <= 1


def test_shift_stays_within_its_bound(knee: np.ndarray) -> None:
    how = replace(NONE, shift=0.08)
    moved = [
        bright_middle(augment(knee, np.random.default_rng(seed), how, 224)) - bright_middle(knee) for seed in range(60)
    ]
    assert np.abs(moved).max() <= 0.085
    assert np.abs(moved).max(axis=0).min() > 0.06


def test_scale_is_about_the_middle(knee: np.ndarray) -> None:
    areas = []
    for seed in range(60):
        changed = augment(knee, np.random.default_rng(seed), replace(NONE, scale=0.15), 224)
        areas.append((changed > 200).sum() / (knee > 200).sum())
        assert bright_middle(changed)[0] == pytest.approx(0.5, abs=0.01)
    assert np.exp(-0.4) < min(areas) < 0.85
    assert 1.15 < max(areas) < np.exp(0.4)


def test_coarse_pixels_take_the_detail_and_keep_the_rest(knee: np.ndarray) -> None:
    """Stripes one pixel wide vanish in 96 pixels across and fade in 192; the bright mark keeps its place."""
    stripes = knee // 2 + 40 * (np.arange(224) % 2).astype(np.uint8)[:, np.newaxis]
    how = replace(NONE, coarse=1.0)
    for seed in range(20):
        coarse = augment(stripes, np.random.default_rng(seed), how, 224).astype(float)
        assert np.abs(np.diff(coarse, axis=0)).mean() < 0.7 * np.abs(np.diff(stripes.astype(float), axis=0)).mean()
        smooth = augment(knee, np.random.default_rng(seed), how, 224)
        assert bright_middle(smooth) == pytest.approx(bright_middle(knee), abs=0.01)


@pytest.mark.parametrize("augmented", [augment, augment_raw])
def test_coarse_pixels_are_as_frequent_as_asked(knee: np.ndarray, augmented: Callable[..., np.ndarray]) -> None:
    as_it_is = augmented(knee, np.random.default_rng(0), NONE, 224)
    how = replace(NONE, coarse=0.25)
    changed = [
        np.abs(augmented(knee, np.random.default_rng(seed), how, 224).astype(int) - as_it_is).max() > 2
        for seed in range(200)
    ]
    assert 0.15 < np.mean(changed) < 0.35


def test_grain_and_blur_change_sharpness_only(knee: np.ndarray) -> None:
    how = Augmentation(
        **dict.fromkeys(("mirror", "rotation", "scale", "aspect", "shift", "gamma", "contrast", "brightness"), 0),
        hide=0,
    )
    for seed in range(40):
        changed = augment(knee, np.random.default_rng(seed), how, 224)
        assert np.corrcoef(changed.ravel(), knee.ravel())[0, 1] > 0.5


def test_exposure_keeps_the_order_of_the_grays(knee: np.ndarray) -> None:
    how = replace(NONE, gamma=0.6, contrast=0.4, brightness=30)
    for seed in range(20):
        changed = augment(knee, np.random.default_rng(seed), how, 224)
        order = np.argsort(knee.ravel(), kind="stable")
        assert (np.diff(changed.ravel()[order].astype(int)) >= 0).all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [96, 224, 352])
def test_raw_crops_come_out_alike_for_the_same_chance(knee: np.ndarray, level: str, size: int) -> None:
    given = knee.copy()
    for seed in range(20):
        one = augment_raw(knee, np.random.default_rng(seed), LEVELS[level], size)
        other = augment_raw(knee, np.random.default_rng(seed), LEVELS[level], size)
        assert one.shape == (size, size)
        assert one.dtype == np.uint8
        assert np.array_equal(one, other)
    assert np.array_equal(knee, given)


@pytest.mark.parametrize("size", [160, 224, 352])
def test_raw_crop_that_is_not_changed_is_what_work_makes_of_it(knee: np.ndarray, size: int) -> None:
    changed = augment_raw(knee, np.random.default_rng(0), NONE, size)
    assert np.array_equal(changed, enlarge(prepare(knee, equalized=False), size))


def test_raw_crop_is_equalised_after_its_exposure_has_changed(knee: np.ndarray) -> None:
    """A table of grays after equalisation would give equal grays equal ones; before it, each place has its own."""
    how = replace(NONE, gamma=0.35, contrast=0.25, brightness=15)
    equalised = equalize(knee)

    def is_table(changed: np.ndarray) -> bool:
        return all(np.ptp(changed[equalised == gray]) == 0 for gray in np.unique(equalised))

    for seed in range(20):
        assert is_table(augment(equalised, np.random.default_rng(seed), how, 224))
        assert not is_table(augment_raw(knee, np.random.default_rng(seed), how, 224))


def test_other_limits_and_no_equalisation_are_rare(knee: np.ndarray) -> None:
    """Only what is rare differs from equalisation as at work: most of that has another limit, and the rest none."""
    how = replace(NONE, rare=0.2, blur=0.3, grain=0.0)  # so little blur and grain as changes nothing
    usual = equalize(knee)
    made = [augment_raw(knee, np.random.default_rng(seed), how, 224) for seed in range(300)]
    as_at_work = sum(np.array_equal(one, usual) for one in made)
    untouched = sum(np.array_equal(one, knee) for one in made)
    assert 100 < as_at_work < 270
    assert 2 < untouched < 40
