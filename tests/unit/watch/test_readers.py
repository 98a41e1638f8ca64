"""Pairs of graders: readers with one another and with the model, blind and other readings apart."""

from __future__ import annotations

import pytest

from koa_worker.watch.readers import Reading, agree

SUBJECTS = {knee: f"s{knee // 2}" for knee in range(8)}
MODEL = {"the model": {knee: knee % 5 for knee in range(8)}}


def test_readers_are_compared_with_one_another_and_with_the_model() -> None:
    said = [Reading(knee, "anna", knee % 5) for knee in range(8)]
    said += [Reading(knee, "ben", min(knee % 5 + 1, 4)) for knee in range(6)]
    found = agree(said, MODEL, SUBJECTS)
    assert [(one.one, one.other, one.knees, one.subjects) for one in found] == [
        ("anna", "ben", 6, 3),
        ("anna", "the model", 8, 4),
        ("ben", "the model", 6, 3),
    ]
    perfect = found[1]
    assert (perfect.exact.value, perfect.kappa.value, perfect.kappa.low) == (1.0, 1.0, 1.0)
    assert found[0].exact.value == pytest.approx(1 / 6)
    assert found[0].within_one == 1.0
    assert found[0].matrix[0] == (0, 2, 0, 0, 0)  # anna's grade 0, twice, is ben's grade 1
    assert found[0].kappa.low <= found[0].kappa.value <= found[0].kappa.high


def test_blind_readings_are_apart_and_both_must_be_blind() -> None:
    said = [Reading(0, "anna", 0, True), Reading(1, "anna", 1, True), Reading(2, "anna", 2, False)]
    said += [Reading(0, "ben", 0, True), Reading(1, "ben", 1, False), Reading(2, "ben", 2, None)]
    blind = {(one.one, one.other): set() for one in agree(said, MODEL, SUBJECTS)}
    for one in agree(said, MODEL, SUBJECTS):
        blind[one.one, one.other].add((one.blind, one.knees))
    assert blind["anna", "ben"] == {(True, 1), (False, 1), (None, 1)}
    assert blind["anna", "the model"] == {(True, 2), (False, 1)}


def test_a_knee_that_is_no_longer_there_is_left_out() -> None:
    assert agree([Reading(99, "anna", 1)], MODEL, SUBJECTS) == []


def test_all_readers_together_stand_before_each_of_them_and_only_where_there_are_several() -> None:
    said = [Reading(knee, "anna", knee % 5, True) for knee in range(8)]
    said += [Reading(knee, "ben", 4 - knee % 5, True) for knee in range(4)]
    said += [Reading(knee, "cleo", 0, False) for knee in range(4)]
    found = agree(said, MODEL, SUBJECTS, everybody=True)
    with_model = [(one.one, one.blind, one.knees) for one in found if one.other == "the model"]
    assert with_model == [("all readers", True, 12), ("anna", True, 8), ("ben", True, 4), ("cleo", False, 4)]
    assert [sum(map(sum, one.matrix)) for one in found] == [one.knees for one in found]
