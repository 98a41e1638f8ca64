"""The figures of merit: against scikit-learn, against a slow bootstrap, and at the edges."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from sklearn import metrics as reference

from training.measuring import figures


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """300 knees of 170 people, graded by something that is right more often than not."""
    rng = np.random.default_rng(3)
    truth = rng.choice(5, size=300, p=[0.4, 0.2, 0.2, 0.15, 0.05])
    logits = rng.normal(0, 1, (300, 5)) + 1.6 * np.eye(5)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    subjects = [str(number) for number in rng.integers(0, 170, 300)]
    return np.round(probabilities, 3), truth, subjects  # rounded, so that scores are tied


def test_figures_are_those_of_scikit_learn(case):
    probabilities, truth, subjects = case
    given = probabilities.argmax(axis=1)
    measured = figures.measure(probabilities, truth, subjects, rounds=10)
    score = probabilities[:, 2:].sum(axis=1)
    expected = {
        "accuracy": reference.accuracy_score(truth, given),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, given),
        "macro_f1": reference.f1_score(truth, given, average="macro"),
        "quadratic_kappa": reference.cohen_kappa_score(truth, given, weights="quadratic"),
        "mae": reference.mean_absolute_error(truth, given),
        "kl2_auc": reference.roc_auc_score(truth >= 2, score),
        "kl2_accuracy": reference.accuracy_score(truth >= 2, score >= 0.5),
        "kl2_sensitivity": reference.recall_score(truth >= 2, score >= 0.5),
        "kl2_specificity": reference.recall_score(truth < 2, score < 0.5),
        "kl1_auc": reference.roc_auc_score(truth >= 1, probabilities[:, 1:].sum(axis=1)),
    }
    for name, value in expected.items():
        assert measured.overall[name].value == pytest.approx(value, abs=1e-9), name
    precision, recall, f1, _ = reference.precision_recall_fscore_support(truth, given)
    for name, values in {"precision": precision, "recall": recall, "f1": f1}.items():
        assert [figure.value for figure in measured.by_grade[name]] == pytest.approx(list(values)), name
    cells = [[figure.value for figure in row] for row in measured.confusion]
    assert np.array_equal(cells, reference.confusion_matrix(truth, given))


def test_a_round_of_the_bootstrap_is_the_figure_of_the_people_drawn(case):
    probabilities, truth, subjects = case
    weights = figures.draw_subjects(subjects, rounds=4, seed=9)
    for round_ in weights:
        again = np.repeat(np.arange(len(truth)), round_.astype(int))
        given = probabilities.argmax(axis=1)
        cells = figures.confusion(round_[None], truth, given)
        score = probabilities[:, 2:].sum(axis=1)
        expected = reference.cohen_kappa_score(truth[again], given[again], weights="quadratic")
        assert figures.kappa_or_nan(cells)[0] == pytest.approx(expected)
        assert figures.auc(round_[None], score, truth >= 2)[0] == pytest.approx(
            reference.roc_auc_score(truth[again] >= 2, score[again])
        )


def test_both_knees_of_a_subject_are_drawn_together(case):
    _, _, subjects = case
    weights = figures.draw_subjects(subjects, rounds=20, seed=1)
    names = np.array(subjects)
    for name in set(subjects):
        of_one = weights[:, names == name]
        assert (of_one == of_one[:, :1]).all()


def test_intervals_hold_the_value_and_widen_when_knees_depend_on_each_other():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 200)
    right = np.repeat(rng.random(100) < 0.6, 2)  # a person's knees are both right or both wrong
    probabilities = np.eye(5)[np.where(right, truth, (truth + 1) % 5)] * 0.9 + 0.02
    pairs = figures.measure(probabilities, truth, [str(k // 2) for k in range(200)]).overall["accuracy"]
    single = figures.measure(probabilities, truth, [str(k) for k in range(200)]).overall["accuracy"]
    assert pairs.low < pairs.value < pairs.high
    assert pairs.high - pairs.low > 1.2 * (single.high - single.low)


def test_calibration_error_of_a_known_case():
    probabilities = np.array([[0.9, 0.1, 0, 0, 0]] * 10)
    truth = np.array([0] * 6 + [1] * 4)
    error = figures.calibration_error(np.ones((1, 10)), probabilities, truth)
    assert error[0] == pytest.approx(0.3)


def test_the_interval_of_a_calibration_error_holds_it_in_a_model_that_is_hardly_wrong():
    """Each resample adds noise to every bin: taken as it is, the interval lies above the error itself."""
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.full(5, 0.5), 800)
    truth = (rng.random((800, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)  # each grade as often as it was said
    error = figures.measure(probabilities, truth, [str(k // 2) for k in range(800)]).overall["ece"]
    assert 0 <= error.low <= error.value <= error.high
    assert error.high - error.low > 0.01


def test_the_interval_of_a_large_calibration_error_does_not_reach_down_to_none():
    probabilities = np.array([[0.9, 0.1, 0, 0, 0]] * 400)
    truth = np.array([0] * 240 + [1] * 160)
    error = figures.measure(probabilities, truth, [str(k) for k in range(400)]).overall["ece"]
    assert (error.low, error.high) == pytest.approx((0.25, 0.35), abs=0.02)


def test_calibration_bins_close_at_their_upper_edge():
    assert figures.confidence_bin(np.array([1 / 15, 1 / 15 + 1e-9, 1.0, 0.2])).tolist() == [0, 1, 14, 2]


def test_what_cannot_be_measured_is_null_in_json_and_no_warning():
    probabilities = np.full((4, 5), 0.2)
    measured = figures.measure(probabilities, np.zeros(4, dtype=np.int64), ["a", "b", "c", "d"])
    assert math.isnan(measured.overall["kl2_auc"].value)
    text = json.dumps(measured.as_dict(), allow_nan=False)
    assert json.loads(text)["recall"][4] == {"value": None, "low": None, "high": None}


def test_a_thousand_rounds_on_a_validation_set_take_about_a_second():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 826)
    start = time.process_time()
    figures.measure(probabilities, rng.integers(0, 5, 826), [str(k) for k in range(826)])
    assert time.process_time() - start < 5
