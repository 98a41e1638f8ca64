"""The fit finds a known scale, stays near the release with few knees, and tolerates typing errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from koa_worker.calibration.fit import PENALTIES, ReadKnees, choose_penalty, fit, fit_best, folds, log_loss
from koa_worker.knee.grading.site import SiteScale

OTHERS = SiteScale(0.6, (1.0, 0.5, -0.5, -1.5))
SAME = SiteScale(1.0, (0.0, 0.0, 0.0, 0.0))


def numbers(site: SiteScale) -> np.ndarray[Any, Any]:
    return np.array([site.slope, *site.shifts])


def test_a_known_scale_is_found_among_many_knees(simulate: Any) -> None:
    found = fit(simulate(OTHERS, 4000), 1.0)
    np.testing.assert_allclose(numbers(found), numbers(OTHERS), atol=0.2)


def test_the_release_s_own_scale_is_found(simulate: Any) -> None:
    np.testing.assert_allclose(numbers(fit(simulate(SAME, 4000), 1.0)), numbers(SAME), atol=0.2)


def test_the_less_was_seen_the_nearer_the_release(simulate: Any) -> None:
    knees = simulate(OTHERS, 80)
    far = [np.abs(numbers(fit(knees[np.arange(count)], 3.0)) - numbers(SAME)).sum() for count in (1, 8, 80)]
    assert far == sorted(far)
    assert far[0] < 0.6


def test_no_step_makes_it_better(simulate: Any) -> None:
    """The answer is the best one: numerically, in every direction that keeps the order."""
    knees = simulate(SiteScale(0.8, (0.5, 0.5, 0.0, -1.0)), 300)
    found = numbers(fit(knees, 3.0))

    def cost(five: np.ndarray[Any, Any]) -> float:
        site = SiteScale(float(five[0]), tuple(five[1:]))  # type: ignore[arg-type]
        distance = (2 * (five[0] - 1)) ** 2 + (five[1:] ** 2).sum()
        return float(log_loss(site.apply(knees.probabilities), knees.kl).sum() + 1.5 * distance)

    for direction in np.vstack([np.eye(5), -np.eye(5)]):
        tried = found + 0.02 * direction
        if (np.diff(tried[1:]) <= 0).all():
            assert cost(tried) > cost(found) - 1e-6


def test_one_grade_in_twenty_may_be_a_typing_error(simulate: Any) -> None:
    knees = simulate(OTHERS, 600)
    wrong = knees.kl.copy()
    wrong[::20] = 4 - wrong[::20]
    clean, spoilt = (fit(replace(knees, kl=kl), 1.0) for kl in (knees.kl, wrong))
    np.testing.assert_allclose(numbers(spoilt), numbers(clean), atol=0.35)


@pytest.mark.parametrize("kl", [0, 4])
def test_grades_that_are_all_the_same_give_a_scale_with_its_order(kl: int) -> None:
    said = np.tile([[0.2, 0.2, 0.2, 0.2, 0.2], [1.0, 0.0, 0.0, 0.0, 0.0]], (20, 1))
    site = fit(ReadKnees(said, np.full(40, kl), np.arange(40).astype(str)), 1.0)
    assert np.isfinite(numbers(site)).all()
    assert list(site.shifts) == sorted(site.shifts, reverse=True)


def test_a_large_change_is_allowed_and_none_is_held_back(simulate: Any) -> None:
    assert choose_penalty(simulate(OTHERS, 300)) < max(PENALTIES)
    assert fit_best(simulate(OTHERS, 300))[1] in PENALTIES


def test_no_subject_is_in_two_parts() -> None:
    subjects = [str(number // 3) for number in range(60)]
    parts = folds(subjects, 5, seed=1)
    assert np.sum(parts, axis=0).tolist() == [1] * 60
    for part in parts:
        inside = {subjects[knee] for knee in np.flatnonzero(part)}
        assert not inside & {subjects[knee] for knee in np.flatnonzero(~part)}
