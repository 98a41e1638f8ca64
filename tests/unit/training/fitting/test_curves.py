"""The figures after each epoch: the same as an evaluation's, and none where the split holds no case for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.fitting import curves
from training.measuring import figures


def answers(grades: np.ndarray) -> np.ndarray:
    logits = np.random.default_rng(4).normal(0, 1, (len(grades), 5)) + np.eye(5)[grades]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_they_are_those_of_an_evaluation() -> None:
    grades = np.random.default_rng(3).integers(0, 5, 80)
    probabilities = answers(grades)
    found = curves.measure(probabilities, grades)
    evaluated = figures.measure(probabilities, grades, [str(number) for number in range(80)], rounds=2)
    for mine, theirs in (("accuracy", "accuracy"), ("kappa", "quadratic_kappa"), ("auc", "kl2_auc")):
        assert found[mine] == pytest.approx(evaluated.overall[theirs].value)
    recalls = [figure.value for figure in evaluated.by_grade["recall"]]
    assert [found[f"recall_{grade}"] for grade in range(5)] == pytest.approx(recalls)


def test_what_the_split_holds_no_case_of_is_not_a_number() -> None:
    grades = np.ones(6, np.int64)
    found = curves.measure(np.tile([0.1, 0.6, 0.1, 0.1, 0.1], (6, 1)), grades)
    assert found["accuracy"] == found["recall_1"] == 1
    assert all(math.isnan(found[name]) for name in ("kappa", "auc", "recall_0", "recall_4"))
