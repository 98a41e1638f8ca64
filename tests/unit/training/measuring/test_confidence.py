"""Temperature and review thresholds, on cases whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from koa_worker.knee.grading.grade import combine
from training.measuring.confidence import (
    choose_review,
    find_temperature,
    negative_log_likelihood,
    prior_bias,
    trace_coverage,
)


def test_an_overconfident_net_is_cooled_to_the_temperature_that_it_was_heated_by():
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 1.5, (4000, 5))
    odds = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    truth = (odds.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert find_temperature(2.0 * honest[:, None], truth, combine) == pytest.approx(2.0, rel=0.08)
    assert find_temperature(honest[:, None], truth, combine) == pytest.approx(1.0, rel=0.08)


def test_what_sampling_took_from_the_frequent_grades_is_given_back():
    rng = np.random.default_rng(4)
    frequency = np.array([0.6, 0.2, 0.1, 0.06, 0.04])
    truth = rng.choice(5, 6000, p=frequency)
    signs = 1.2 * np.eye(5)[truth] + rng.normal(size=(6000, 5))
    evenly = 1.2 * signs  # the exact answer, by Bayes' rule, of who has seen each grade equally often
    losses = {share: _loss(evenly + prior_bias(truth, share), truth) for share in (0.0, 0.5, 1.0, 1.5)}
    assert min(losses, key=losses.__getitem__) == 1.0
    assert prior_bias(truth, 0.3).sum() == pytest.approx(0, abs=1e-3)


def test_a_grade_that_never_comes_has_a_finite_bias():
    assert np.isfinite(prior_bias(np.array([0, 0, 1]), 1.0)).all()


def _loss(logits: Any, truth: Any) -> float:
    return min(negative_log_likelihood(combine(logits[:, None], t), truth) for t in (0.5, 0.7, 1.0, 1.4, 2.0))


def test_likelihood_of_a_certain_error_is_finite():
    assert np.isfinite(negative_log_likelihood(np.eye(5), np.array([1, 0, 0, 0, 0])))


def test_coverage_falls_as_the_threshold_rises():
    confidence = np.array([0.5, 0.9, 0.7, 0.7])
    right = np.array([False, True, True, False])
    points = [(p.confidence, p.coverage, p.accuracy) for p in trace_coverage(confidence, right)]
    assert points == [(0.5, 1.0, 0.5), (0.7, 0.75, pytest.approx(2 / 3)), (0.9, 0.25, 1.0)]


def test_the_threshold_spares_as_many_as_it_can_at_the_target():
    confidence = np.linspace(0.2, 1.0, 100)
    right = np.arange(100) >= 40  # the 40 least sure are wrong
    chosen = choose_review(confidence, np.ones(100), right, np.zeros(100, dtype=bool), target=0.8)
    assert chosen.accuracy >= 0.8
    assert chosen.coverage == 0.75  # 60 right of 75
    kept = confidence >= chosen.confidence
    assert kept.mean() == chosen.coverage
    assert right[kept].mean() == chosen.accuracy


def test_agreement_is_used_where_it_tells_more_than_confidence():
    rng = np.random.default_rng(1)
    right = rng.random(400) < 0.5
    agreement = np.where(right, 1.0, 0.5)
    chosen = choose_review(rng.random(400), agreement, right, np.zeros(400, dtype=bool), target=0.9)
    assert chosen.agreement > 0.5
    assert chosen.coverage == pytest.approx(right.mean(), abs=0.15)


def test_knees_that_go_to_review_anyway_do_not_count_as_spared():
    confidence, right = np.linspace(0.2, 1, 100), np.ones(100, dtype=bool)
    chosen = choose_review(confidence, np.ones(100), right, np.arange(100) < 30)
    assert chosen.coverage == 0.7


def test_a_net_that_cannot_promise_the_target_spares_the_surer_half():
    rng = np.random.default_rng(2)
    right = rng.random(200) < 0.3
    chosen = choose_review(rng.random(200), np.ones(200), right, np.zeros(200, dtype=bool), target=0.95)
    assert chosen.coverage == pytest.approx(0.5, abs=0.01)
    assert chosen.accuracy < 0.95


def test_where_everything_is_doubtful_nothing_is_spared():
    chosen = choose_review(np.ones(3), np.ones(3), np.ones(3, dtype=bool), np.ones(3, dtype=bool))
    assert chosen.coverage == 0
    assert chosen.confidence == 1
