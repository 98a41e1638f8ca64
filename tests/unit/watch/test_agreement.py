"""Quadratic kappa, and its interval by subject."""

from __future__ import annotations

import numpy as np
import pytest

from koa_worker.watch.agreement import agreement_of_pairs, confusion, draw_subjects, estimate, kappa_or_nan


def _of(*pairs: tuple[int, int]) -> float:
    one, other = np.array(pairs).T
    return float(kappa_or_nan(confusion(one, other)))


def test_kappa_is_what_it_should_be() -> None:
    assert _of(*[(0, 0)] * 5, *[(4, 4)] * 5) == 1.0
    assert _of(*[(0, 4)] * 5, *[(4, 0)] * 5) == -1.0
    # One grade apart once; by chance, rows 3 1 1 and columns 2 2 1 would bring 6 + 12 + 2 + 1 + 8 + 2 fifths.
    assert _of((0, 0), (0, 0), (0, 1), (1, 1), (2, 2)) == pytest.approx(1 - 5 / 31)


def test_there_is_no_kappa_where_all_grades_are_the_same() -> None:
    accuracy, kappa = agreement_of_pairs(np.array([(2, 2)] * 7), np.arange(7).astype(str))
    assert (accuracy.value, accuracy.low, kappa) == (1.0, 1.0, None)


def test_draws_in_which_all_grades_are_the_same_do_not_count() -> None:
    """Of three subjects one in nine draws takes the same one each time: that says nothing of a kappa."""
    _, kappa = agreement_of_pairs(np.array([(0, 0), (2, 2), (4, 4)]), np.array(["a", "b", "c"]))
    assert kappa is not None
    assert (kappa.low, kappa.value, kappa.high) == (1.0, 1.0, 1.0)


def _readers(people: int) -> tuple[np.ndarray, np.ndarray]:
    """Two knees of each subject, the second reader a grade away at a third of the subjects."""
    rng = np.random.default_rng(3)
    one = rng.integers(0, 5, people).repeat(2)
    other = np.clip(one + (rng.random(people) < 0.33).repeat(2), 0, 4)
    return np.column_stack([one, other]), np.arange(people).repeat(2).astype(str)


def test_the_interval_is_that_of_subjects_drawn_one_by_one() -> None:
    pairs, subjects = _readers(60)
    _, kappa = agreement_of_pairs(pairs, subjects, rounds=4000)
    draws = draw_subjects(subjects, 4000, seed=9)
    other_way = estimate(draws, lambda weights: kappa_or_nan(confusion(pairs[:, 0], pairs[:, 1], weights)))
    assert kappa is not None
    assert kappa.value == pytest.approx(other_way.value)
    assert (kappa.low, kappa.high) == pytest.approx((other_way.low, other_way.high), abs=0.01)


def test_two_knees_of_one_subject_count_as_one_chance() -> None:
    pairs, subjects = _readers(60)
    _, by_subject = agreement_of_pairs(pairs, subjects, rounds=4000)
    _, by_knee = agreement_of_pairs(pairs, np.arange(120).astype(str), rounds=4000)
    assert by_subject is not None
    assert by_knee is not None
    assert (by_subject.high - by_subject.low) / (by_knee.high - by_knee.low) == pytest.approx(2**0.5, rel=0.1)
