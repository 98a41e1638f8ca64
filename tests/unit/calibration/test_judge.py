"""The judgement: better if readers differ, no better if they do not, and the suspicious grades."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from koa_worker.calibration.figures import compare, measure, reliability
from koa_worker.calibration.judge import cross_validate, find_suspicious, judge
from koa_worker.knee.grading.site import SiteScale
from koa_worker.watch.agreement import agreement_of_pairs, confusion, kappa

OTHERS = SiteScale(1.0, (-2.0, -2.0, -2.0, -2.0))
SAME = SiteScale(1.0, (0.0, 0.0, 0.0, 0.0))


def test_kappa_is_the_known_one() -> None:
    rng = np.random.default_rng(3)
    truth, given = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    expected = cohen_kappa_score(truth, given, weights="quadratic")
    assert float(kappa(confusion(truth, given))) == pytest.approx(expected)


def test_readers_of_another_school_are_met_better(simulate: Any) -> None:
    knees = simulate(OTHERS, 120)
    judgement = judge(knees)
    assert judgement.gain.is_one
    assert judgement.after.kappa.value > judgement.before.kappa.value + 0.02
    assert judgement.after.loss.value < judgement.before.loss.value
    assert [step.knees for step in judgement.curve] == [10, 20, 30, 50, 75]


def test_readers_of_the_release_s_own_school_are_met_as_well_already(simulate: Any) -> None:
    called_better = sum(
        compare(knees, cross_validate(knees), rounds=200).is_one
        for knees in (simulate(SAME, 60, seed) for seed in range(12))
    )
    assert called_better <= 1


def test_no_knee_is_judged_by_its_own_grade(simulate: Any) -> None:
    """With the grades of one subject changed, that subject's own answers stay the same."""
    knees = simulate(OTHERS, 80)
    kl = knees.kl.copy()
    kl[:2] = 4 - kl[:2]
    before, after = (cross_validate(replace(knees, kl=grades)) for grades in (knees.kl, kl))
    np.testing.assert_array_equal(before[:2], after[:2])
    assert (before[2:] != after[2:]).any()


def test_a_grade_far_from_everything_is_suspicious(simulate: Any) -> None:
    knees = simulate(SAME, 200)
    sure = int(np.argmax(knees.probabilities[:, 0]))
    kl = knees.kl.copy()
    kl[sure] = 4
    assert sure in find_suspicious(knees.probabilities, kl)
    assert len(find_suspicious(knees.probabilities, knees.kl)) <= 2


def test_figures_have_intervals_around_them(simulate: Any) -> None:
    knees = simulate(SAME, 100)
    figures = measure(knees, knees.probabilities)
    for estimate in (figures.accuracy, figures.kappa, figures.error, figures.loss):
        assert estimate.low < estimate.value < estimate.high
    assert figures.accuracy.value == (knees.probabilities.argmax(axis=1) == knees.kl).mean()


def test_pairs_of_readers_that_agree_have_a_kappa_of_one() -> None:
    pairs = np.array([(kl, kl) for kl in (0, 1, 2, 3, 4)] * 4)
    accuracy, agreed = agreement_of_pairs(pairs, np.arange(20).astype(str))
    assert (accuracy.value, agreed.value) == (1.0, 1.0)


def test_reliability_counts_each_knee_once(simulate: Any) -> None:
    knees = simulate(SAME, 83)
    bins = reliability(knees.probabilities, knees.kl)
    assert sum(count for *_, count in bins) == 83
    assert [said for said, *_ in bins] == sorted(said for said, *_ in bins)
